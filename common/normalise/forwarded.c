/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/forwarded.c: Windows events that a forwarder sent. The computer that an event
 * names is what its sender wrote; the client's name is what it has proven. */
#include <strings.h>

#include "common/base/hash.h"
#include "common/normalise/inside.h"

#define NETBIOS_MAX 15u

/* "ws01$@EXAMPLE.LAN", "ws01.example.lan" and "WS01" are one machine's. */
static struct slice short_name(struct slice name)
{
	size_t n = 0;

	while (n < name.n && strchr(".$@", name.p[n]) == NULL)
		n++;
	return (struct slice){ name.p, n };
}

/* The name of a machine account in a domain ends after 15 characters (its NetBIOS name). */
bool norm_is_own(struct slice computer, struct slice client)
{
	struct slice host = short_name(computer), name = short_name(client);

	if (name.n == NETBIOS_MAX && name.n < client.n && client.p[name.n] == '$' &&
	    host.n > NETBIOS_MAX)
		host.n = NETBIOS_MAX;
	return host.n > 0 && host.n == name.n && strncasecmp(host.p, name.p, host.n) == 0;
}

/* One event, whoever delivers it, in whatever way: SHA-256 over what Windows tells it apart by. */
static void put_hash(struct event *ev)
{
	static const enum ecs parts[] = { ECS_WINLOG_COMPUTER_NAME, ECS_WINLOG_CHANNEL,
					  ECS_WINLOG_PROVIDER_NAME, ECS_WINLOG_RECORD_ID };
	struct buf text = { 0 }, hex = { 0 };
	uint8_t hash[SHA256_LEN];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct event_value *v = event_get(ev, parts[i]);

		if (v != NULL)
			buf_slice(&text, v->str);
		buf_chr(&text, '\n');
	}
	buf_i64(&text, ev->time_ns);
	sha256(buf_view(&text), hash);
	hex_put(&hex, hash, sizeof(hash));
	if (!text.failed && !hex.failed)
		event_str(ev, ECS_EVENT_HASH, arena_copy(ev->mem, buf_view(&hex)));
	buf_release(&text);
	buf_release(&hex);
}

void forwarded_fields(const struct norm_forwarder *from, struct event *ev)
{
	event_str(ev, ECS_VARTIO_WEF_CLIENT, from->client);
	event_str(ev, ECS_VARTIO_WEF_SUBSCRIPTION, from->subscription);
	if (event_get(ev, ECS_HOST_NAME) == NULL)
		event_str(ev, ECS_HOST_NAME, short_name(from->client));
}

bool forwarded(const struct norm_forwarder *from, struct event *ev)
{
	struct slice computer = event_text(ev, ECS_WINLOG_COMPUTER_NAME);

	if (computer.n > 0 && !from->relay && !norm_is_own(computer, from->client))
		return false;
	forwarded_fields(from, ev);
	if (event_get(ev, ECS_WINLOG_RECORD_ID) != NULL)
		put_hash(ev);
	return true;
}
