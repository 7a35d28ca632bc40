/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/normalise.h"

#include "common/normalise/inside.h"
#include "common/normalise/parsers.h"

#include <assert.h>
#include <stdlib.h>

static const char *const names[NORM_FORMATS] = {
	[NORM_AUTO] = "auto",       [NORM_SYSLOG] = "syslog", [NORM_RAW] = "raw",
	[NORM_JOURNAL] = "journal", [NORM_JSON] = "json",     [NORM_WINXML] = "winxml",
};

const char *norm_format_name(enum norm_format f)
{
	return f < NORM_FORMATS ? names[f] : "";
}

int norm_format_by_name(const char *name, enum norm_format *ret, struct err *err)
{
	for (unsigned i = 0; i < NORM_FORMATS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum norm_format)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "no format is named %s; there are auto, syslog, raw, journal, json, winxml",
		       name);
}

struct normaliser *normaliser_new(void)
{
	struct normaliser *nz = calloc(1, sizeof(*nz));
	struct err err = { 0 };

	if (nz == NULL)
		return NULL;
	if (matcher_new(parsers_all, &nz->matcher, &err) < 0) {
		assert(err.code == ERR_NOMEM); /* the tables are ours, and a test compiles them */
		normaliser_free(nz);
		return NULL;
	}
	return nz;
}

void normaliser_release(struct normaliser *nz)
{
	matcher_free(nz->matcher);
	json_index_release(&nz->json);
	json_known_release(&nz->known);
	splice_known_release(&nz->spliced);
	winxml_free(nz->winxml);
	buf_release(&nz->scratch);
}

void normaliser_free(struct normaliser *nz)
{
	if (nz == NULL)
		return;
	normaliser_release(nz);
	free(nz);
}

void format_raw(struct slice line, const char *why, struct event *ev)
{
	event_str(ev, ECS_MESSAGE, line);
	if (why == NULL)
		return;
	event_str(ev, ECS_EVENT_KIND, SLICE("pipeline_error"));
	event_str(ev, ECS_ERROR_MESSAGE, arena_copy(ev->mem, slice_str(why)));
}

/* What is not whole was perhaps cut on the way, and then that is the reason. */
static const char *reason(const struct norm_source *src, struct slice text, struct err *err)
{
	const struct err why = *err;

	if (src->cut)
		err_set(err, ERR_FULL, "cut at %zu bytes, the input's limit; %.180s", text.n,
			why.msg);
	return err->msg;
}

/* What was read of an event that is not whole stands. */
static bool format_winxml(struct normaliser *nz, struct slice text, struct event *ev,
			  struct err *err)
{
	if (nz->winxml == NULL && (nz->winxml = winxml_new()) == NULL) {
		err_nomem(err);
		return false;
	}
	if (!winxml_read(nz->winxml, text, ev, err))
		return false;
	winecs_user(ev);
	winecs_map(ev, &nz->scratch);
	return true;
}

static void source_fields(const struct norm_source *src, struct event *ev)
{
	event_str(ev, ECS_ECS_VERSION, SLICE(ECS_VERSION));
	event_str(ev, ECS_EVENT_KIND, SLICE("event"));
	event_time(ev, ECS_EVENT_CREATED, src->received_ns);
	event_str(ev, ECS_INPUT_TYPE, slice_str(src->input));
	if (src->path.n > 0) {
		event_str(ev, ECS_LOG_FILE_PATH, src->path);
		if (src->offset != NORM_NO_OFFSET)
			event_int(ev, ECS_LOG_OFFSET, (int64_t)src->offset);
	}
	event_str(ev, ECS_LOG_SOURCE_ADDRESS, src->peer);
	if (src->cut)
		event_add(ev, ECS_LOG_FLAGS, SLICE("truncated"));
	if (src->recovered)
		event_add(ev, ECS_LOG_FLAGS, SLICE("recovered"));
}

static void related(struct event *ev, enum ecs to, const enum ecs *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		event_add(ev, to, event_text(ev, from[i]));
}

void related_fields(struct event *ev)
{
	static const enum ecs ips[] = { ECS_SOURCE_IP, ECS_DESTINATION_IP };
	static const enum ecs users[] = { ECS_USER_NAME, ECS_USER_EFFECTIVE_NAME,
					  ECS_USER_TARGET_NAME, ECS_USER_CHANGES_NAME };
	static const enum ecs hosts[] = { ECS_HOST_NAME, ECS_SOURCE_DOMAIN,
					  ECS_DESTINATION_DOMAIN };

	related(ev, ECS_RELATED_IP, ips, 2);
	related(ev, ECS_RELATED_USER, users, 4);
	related(ev, ECS_RELATED_HOSTS, hosts, 3);
}

/* What every event has in the end, whatever its format said. */
static void finish(const struct norm_source *src, struct event *ev)
{
	struct slice host = src->host.n > 0 ? src->host : src->peer;

	if (event_get(ev, ECS_HOST_NAME) == NULL) {
		event_str(ev, ECS_HOST_NAME, host);
		event_str(ev, ECS_HOST_HOSTNAME, host);
	}
	if (event_get(ev, ECS_EVENT_DATASET) == NULL && event_get(ev, ECS_PROCESS_NAME) != NULL &&
	    event_get(ev, ECS_WINLOG_EVENT_ID) == NULL) {
		event_str(ev, ECS_EVENT_MODULE, SLICE("system"));
		event_str(ev, ECS_EVENT_DATASET, SLICE("system.syslog"));
	}
	related_fields(ev);
}

static struct slice without_line_end(struct slice line)
{
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r' ||
			      line.p[line.n - 1] == '\0'))
		line.n--;
	return line;
}

/* NORM_AUTO: neither JSON nor XML. */
static enum norm_format recognise(struct slice line)
{
	struct slice text = slice_trim(line);

	if (text.n > 1 && text.p[0] == '{' && text.p[text.n - 1] == '}')
		return slice_find(text, SLICE(NORM_JOURNAL_MARK)) >= 0 ? NORM_JOURNAL : NORM_JSON;
	if (winxml_begins(text))
		return NORM_WINXML;
	return NORM_AUTO;
}

/* A client sent an event in another computer's name: kept as it is, but as what the client said. */
static void not_its_own(struct slice text, const struct norm_source *src, struct event *ev)
{
	struct arena *mem = ev->mem;

	event_init(ev, mem);
	ev->time_ns = src->received_ns;
	source_fields(src, ev);
	forwarded_fields(src->forwarder, ev);
	event_add(ev, ECS_LOG_FLAGS, SLICE(FORWARDED_MISMATCH));
	format_raw(text, "the event names another computer than the client that sent it", ev);
}

void normalise(struct normaliser *nz, enum norm_format format, struct slice line,
	       const struct norm_source *src, struct arena *mem, struct event *ev)
{
	struct slice text = without_line_end(line);
	bool asked = format != NORM_AUTO;
	struct err err = { 0 };

	event_init(ev, mem);
	ev->time_ns = src->received_ns;
	source_fields(src, ev);
	if (src->keep_original)
		event_str(ev, ECS_EVENT_ORIGINAL, text);
	if (!asked)
		format = recognise(text);
	switch (format) {
	case NORM_SYSLOG:
	case NORM_AUTO:
		if (!format_syslog(nz, text, src, asked, ev))
			format_raw(text, NULL, ev);
		break;
	case NORM_JOURNAL:
		if (!format_journal(nz, text, src, ev, &err))
			format_raw(text, reason(src, line, &err), ev);
		break;
	case NORM_JSON:
		if (!format_json(nz, text, src, ev, &err))
			format_raw(text, asked ? reason(src, line, &err) : NULL, ev);
		break;
	case NORM_WINXML:
		if (!format_winxml(nz, text, ev, &err))
			format_raw(text, reason(src, line, &err), ev);
		if (src->forwarder != NULL && !forwarded(src->forwarder, ev))
			not_its_own(text, src, ev);
		break;
	default:
		format_raw(text, NULL, ev);
	}
	finish(src, ev);
}

bool normalise_splice(struct normaliser *nz, enum norm_format format, struct slice line,
		      const struct norm_source *src, struct slice own, struct buf *out)
{
	struct slice text = without_line_end(line);

	if (format != NORM_JSON && format != NORM_AUTO)
		return false;
	if (text.n < 3 || text.p[0] != '{' || text.p[text.n - 1] != '}')
		return false;
	if (src->cut || src->keep_original || src->peer.n > 0 || slice_str(src->input).n == 0)
		return false;
	if (src->meaning && slice_find(text, SLICE("\"winlog\"")) >= 0)
		return false;
	/* NORM_AUTO takes it for JSON too, or the splice finds the journal's mark. */
	return splice_document(nz, text, src, own, out);
}
