/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/subscription.h"

#include <strings.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/text.h"

#define DAY_MS 86400000

#define AT(m) offsetof(struct wef_subscription, m)

static const char *const contents[] = { "raw", "rendered", NULL };

const struct conf_item wef_subscription_items[] = {
	{ "name", CONF_STR, AT(name), .required = true,
	  .help = "what clients and status call it; another name is another subscription" },
	{ "query", CONF_STR, AT(query),
	  .help = "the QueryList as XML; absent: the one that is shipped" },
	{ "query_file", CONF_STR, AT(query_file), .help = "a file with the QueryList" },
	{ "path", CONF_STR, AT(path),
	  .help = "only for clients whose policy names this path; absent: for all" },
	{ "only", CONF_STRS, AT(only), .help = "client names, with * and ?; absent: all" },
	{ "except", CONF_STRS, AT(except), .help = "client names that do not get it" },
	{ "content", CONF_ENUM, AT(content), 0, 0, "raw",
	  "rendered: with Windows' own texts, at two to four times the bytes", contents },
	{ "compression", CONF_BOOL, AT(compression), 0, 0, "true", "SLDC on the wire" },
	{ "read_existing", CONF_BOOL, AT(read_existing), 0, 0, "false",
	  "a new client sends its whole logs first" },
	{ "ignore_channel_error", CONF_BOOL, AT(ignore_channel_error), 0, 0, "true",
	  "a channel that a client does not have does not stop the others" },
	{ "max_time", CONF_DURATION, AT(max_time_ms), 1000, DAY_MS, "30s",
	  "how long a client gathers events before it sends them" },
	{ "heartbeat", CONF_DURATION, AT(heartbeat_ms), 10000, DAY_MS, "15min",
	  "a client with no events tells this often that it is there" },
	{ "retry", CONF_DURATION, AT(retry_ms), 1000, DAY_MS, "60s",
	  "a client waits so long before it sends again what was not taken" },
	{ "retries", CONF_INT, AT(retries), 1, 1000, "5",
	  "so often, before it waits for its policy's refresh" },
	{ "max_elements", CONF_INT, AT(max_elements), 0, 500000, "0",
	  "events a message at most; 0: as the client likes" },
	{ NULL },
};

/* A GUID out of a text, always the same one: RFC 9562 5.8 (version 8). */
static void guid(struct slice text, char ret[WEF_GUID_LEN + 1])
{
	uint8_t h[SHA256_LEN];

	sha256(text, h);
	wef_guid(h, 8, ret);
}

static int fault(const struct wef_subscription *sub, struct err *err)
{
	struct err why = *err;

	return err_set(err, why.code, "subscription %s: %s", sub->name, why.msg);
}

static int take_query(struct wef_subscription *sub, struct arena *mem, struct err *err)
{
	struct buf text = { 0 };
	int r = 0;

	if (sub->query != NULL && sub->query_file != NULL)
		return err_set(err, ERR_SYNTAX, "query and query_file: only one of them");
	if (sub->query != NULL)
		buf_str(&text, sub->query);
	else if (sub->query_file != NULL)
		r = file_read(sub->query_file, WEF_QUERY_MAX, &text, err);
	else
		wef_query_default(&text);
	if (r == 0) {
		sub->query_xml = slice_trim(arena_copy(mem, buf_view(&text)));
		if (text.failed || sub->query_xml.p == NULL)
			r = err_nomem(err);
	}
	buf_release(&text);
	return r < 0 ? r : wef_query_check(sub->query_xml, NULL, NULL, err);
}

/* All that a client sees, and nothing else: it subscribes anew when this changes. */
static int make_version(struct wef_subscription *sub, struct err *err)
{
	struct buf seen = { 0 };
	bool good;

	buf_printf(&seen, "%s|%d|%d|%d|%d|%lld|%lld|%lld|%lld|%lld|", sub->name, sub->content,
		   sub->compression, sub->read_existing, sub->ignore_channel_error,
		   (long long)sub->max_time_ms, (long long)sub->heartbeat_ms,
		   (long long)sub->retry_ms, (long long)sub->retries, (long long)sub->max_elements);
	buf_slice(&seen, sub->query_xml);
	good = !seen.failed;
	guid(buf_view(&seen), sub->version);
	buf_reset(&seen);
	buf_str(&seen, "vartio wef subscription ");
	buf_str(&seen, sub->name);
	good = good && !seen.failed;
	guid(buf_view(&seen), sub->identifier);
	buf_release(&seen);
	return good ? 0 : err_nomem(err);
}

static int settle(struct wef_subscription *sub, struct arena *mem, struct err *err)
{
	if (!text_is_name(slice_str(sub->name), 64))
		return err_set(err, ERR_SYNTAX, "subscription: name: expected 1 to 64 letters");
	if (sub->path != NULL && (sub->path[0] != '/' || strchr(sub->path, ' ') != NULL))
		err_set(err, ERR_SYNTAX, "path: expected one that begins with /");
	else if (take_query(sub, mem, err) == 0 && make_version(sub, err) == 0)
		return 0;
	return fault(sub, err);
}

static int one(const struct conf_node *nd, struct arena *mem, struct wef_subscriptions *subs,
	       struct err *err)
{
	struct wef_subscription *sub = &subs->v[subs->n];

	if (nd != NULL && nd->kind != CONF_MAP)
		return err_at(err, nd->line, nd->col, ERR_SYNTAX,
			      "subscriptions: expected settings (- name: baseline)");
	memset(sub, 0, sizeof(*sub));
	if (nd == NULL) {
		struct conf_item rest[sizeof(wef_subscription_items) / sizeof(struct conf_item)];

		memcpy(rest, wef_subscription_items, sizeof(wef_subscription_items));
		rest[0].required = false; /* the name, which is ours here */
		if (conf_bind(NULL, rest, sub, mem, err) < 0)
			return -1;
		sub->name = "baseline";
	} else if (conf_bind(nd, wef_subscription_items, sub, mem, err) < 0) {
		return -1;
	}
	if (settle(sub, mem, err) < 0) {
		if (nd != NULL) {
			err->line = nd->line;
			err->col = nd->col;
		}
		return -1;
	}
	for (size_t i = 0; i < subs->n; i++)
		if (strcmp(subs->v[i].identifier, sub->identifier) == 0)
			return err_at(err, nd->line, nd->col, ERR_SYNTAX,
				      "subscriptions: the name %s is used twice", sub->name);
	subs->n++;
	return 0;
}

int wef_subscriptions_read(const struct conf_node *list, struct arena *mem,
			   struct wef_subscriptions *ret, struct err *err)
{
	struct wef_subscriptions subs = {
		arena_alloc(mem, WEF_SUBSCRIPTIONS_MAX * sizeof(struct wef_subscription)), 0
	};
	const struct conf_node *nd = list != NULL ? list->first : NULL;

	if (subs.v == NULL)
		return err_nomem(err);
	if (list != NULL && (list->kind != CONF_LIST || nd == NULL))
		return err_at(err, list->line, list->col, ERR_SYNTAX,
			      "subscriptions: expected a list of them (- name: baseline)");
	do {
		if (subs.n == WEF_SUBSCRIPTIONS_MAX)
			return err_at(
				err, nd->line, nd->col, ERR_FULL,
				"subscriptions: more than %u; each costs every client a connection",
				WEF_SUBSCRIPTIONS_MAX);
		if (one(nd, mem, &subs, err) < 0)
			return -1;
		nd = nd != NULL ? nd->next : NULL;
	} while (nd != NULL);
	*ret = subs;
	return 0;
}

bool wef_listed(const struct conf_strs *list, const char *client)
{
	struct slice whole = slice_str(client), label = { client, strcspn(client, ".$@") };

	for (size_t i = 0; i < list->n; i++)
		if (wef_glob(list->v[i], whole) || wef_glob(list->v[i], label))
			return true;
	return false;
}

bool wef_subscription_for(const struct wef_subscription *sub, const char *client)
{
	return (sub->only.n == 0 || wef_listed(&sub->only, client)) &&
	       !wef_listed(&sub->except, client);
}

const struct wef_subscription *wef_subscription_by_id(const struct wef_subscriptions *subs,
						      struct slice identifier)
{
	for (size_t i = 0; i < subs->n; i++)
		if (identifier.n == WEF_GUID_LEN &&
		    strncasecmp(identifier.p, subs->v[i].identifier, WEF_GUID_LEN) == 0)
			return &subs->v[i];
	return NULL;
}
