/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/config.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"

#define DEFAULT_PATH   "/etc/vartio/agent.yml"
#define COLLECTOR_PORT 5044
#define KIB            INT64_C(1024)
#define MIB            (1024 * KIB)
#define TIB            (1024 * 1024 * MIB)
#define RATE_MIN_BPS   2400 /* below it a block takes so long that nothing is gained by sending */

/* The struct with what only the reader needs. */
struct reading {
	struct config cf;
	const struct conf_node *inputs;
};
/* Sub-tables keep offsets of the whole struct, so their own offset is 0. */
#define AT(member) offsetof(struct reading, cf.member)

static const char *const level_names[] = { "error", "warn", "info", "debug", NULL };

static const struct conf_item collector_items[] = {
	{ "addresses", CONF_STRS, AT(collector.addresses),
	  .help = "HOST or HOST:PORT of collectors, best first; absent: the one that enrolled this "
		  "agent" },
	{ "max_rate_bps", CONF_INT, AT(collector.max_rate_bps), 0, INT64_C(100000000000), "0",
	  "bits a second sent at most, for a poor line, whatever waits, at least 2400; 0: no "
	  "limit" },
	{ "backlog_percent", CONF_INT, AT(collector.backlog_percent), 1, 100, "25",
	  "share of the line, at least, for what waited while there was no connection; new events "
	  "go first with the rest" },
	{ "retry", CONF_DURATION, AT(collector.retry_ms), 50, 60000, "1s",
	  "longest wait before connecting again; doubles up to 60 times this, five times this "
	  "after a good connection; how much of it is waited is chance" },
	{ NULL },
};
static const struct conf_item spool_items[] = {
	{ "max_bytes", CONF_BYTES, AT(spool.max_bytes), 4 * MIB, TIB, "2GiB",
	  "disk that unsent events may take" },
	{ "level", CONF_INT, AT(spool.level), 1, 9, "1", "compression, 1 fast to 9 small" },
	{ "close", CONF_DURATION, AT(spool.close_ms), 10, 60000, "200ms",
	  "how long an event waits for others before it is sent" },
	{ NULL },
};
const struct conf_item config_items[] = {
	{ "state_dir", CONF_STR, AT(state_dir), .fallback = "/var/lib/vartio-agent",
	  .help = "folder of the spool, the key and the certificate" },
	{ "run_dir", CONF_STR, AT(run_dir),
	  .help = "folder of the status socket; absent: state_dir" },
	{ "host_name", CONF_STR, AT(host_name), .help = "absent: the name of the machine" },
	{ "log_level", CONF_ENUM, AT(log_level), .fallback = "info", .names = level_names,
	  .help = "what is logged" },
	{ "keep_original", CONF_BOOL, AT(keep_original), .fallback = "false",
	  .help = "send the line as it was read, too, as event.original" },
	{ "status_every", CONF_DURATION, AT(status_every_ms), 1000, 86400000, "5min",
	  "how often the agent tells the collector how it is" },
	{ "collector", CONF_SUB, .sub = collector_items, .help = "where events go" },
	{ "spool", CONF_SUB, .sub = spool_items,
	  .help = "events on disk until they are acknowledged" },
	{ "inputs", CONF_RAW, offsetof(struct reading, inputs),
	  .help = "list of what is read, each with its type" },
	{ NULL },
};

static const char *copy(struct config *cf, const char *text)
{
	return arena_copy(&cf->mem, slice_str(text)).p;
}

static const char *below(struct config *cf, const char *name)
{
	size_t n = strlen(cf->state_dir) + strlen(name) + 2;
	char *path = arena_alloc(&cf->mem, n);

	if (path != NULL)
		snprintf(path, n, "%s/%s", cf->state_dir, name);
	return path;
}

static int bad(const struct conf_node *root, const char *key, const char *expected, struct err *err)
{
	const struct conf_node *nd = conf_find(root, key);

	return err_at(err, nd->line, nd->col, ERR_SYNTAX, "%s: expected %s", key, expected);
}

static const struct input_class *class_named(const struct input_class *const *classes,
					     const char *name)
{
	while (*classes != NULL && strcmp((*classes)->name, name) != 0)
		classes++;
	return *classes;
}

static int unknown_type(const struct conf_node *nd, const struct input_class *const *classes,
			struct err *err)
{
	struct buf names = { 0 };

	for (size_t i = 0; classes[i] != NULL; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", classes[i]->name);
	err_at(err, nd->line, nd->col, ERR_SYNTAX, "inputs: type %s is unknown; expected one of %s",
	       nd->text.p, buf_cstr(&names));
	buf_release(&names);
	return -1;
}

static bool id_ok(const char *id)
{
	return *id != '\0' && *id != '-' && strlen(id) <= 64 &&
	       id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static bool id_taken(const struct config *cf, const char *id)
{
	for (size_t i = 0; i < cf->n_inputs; i++)
		if (strcmp(cf->inputs[i].id, id) == 0)
			return true;
	return false;
}

/* An input's id is part of its checkpoints' names, so it must not change when others come and go:
 * docs/operations.md says to name several of a kind by `id`; until then the order counts. */
static const char *default_id(struct config *cf, const char *type)
{
	char id[80];

	for (unsigned i = 1; i <= CONFIG_INPUTS_MAX + 1; i++) {
		if (i == 1)
			snprintf(id, sizeof(id), "%s", type);
		else
			snprintf(id, sizeof(id), "%s-%u", type, i);
		if (!id_taken(cf, id))
			return copy(cf, id);
	}
	return NULL;
}

/* The same map without `type` and `id`, which are not the kind's own settings. */
static int settings_of(const struct conf_node *map, struct arena *mem, struct conf_node *ret)
{
	struct conf_node **tail = &ret->first;

	*ret = *map;
	*tail = NULL;
	for (const struct conf_node *nd = map->first; nd != NULL; nd = nd->next) {
		if (slice_is(nd->key, "type") || slice_is(nd->key, "id"))
			continue;
		*tail = arena_alloc(mem, sizeof(**tail));
		if (*tail == NULL)
			return -1;
		**tail = *nd;
		tail = &(*tail)->next;
		*tail = NULL;
	}
	return 0;
}

static int add_input(struct config *cf, const struct conf_node *nd,
		     const struct input_class *const *classes, struct err *err)
{
	const struct conf_node *type = conf_get(nd, "type"), *id = conf_get(nd, "id");
	struct config_input in = { .line = nd->line };
	struct conf_node own;

	if (type == NULL || type->kind != CONF_SCALAR)
		return err_at(err, nd->line, nd->col, ERR_SYNTAX,
			      "inputs: expected a type in each (- type: file)");
	in.cls = class_named(classes, type->text.p);
	if (in.cls == NULL)
		return unknown_type(type, classes, err);
	if (id != NULL && (id->kind != CONF_SCALAR || !id_ok(id->text.p)))
		return err_at(err, id->line, id->col, ERR_SYNTAX,
			      "inputs: id: expected small letters, digits, - and _");
	in.id = id != NULL ? id->text.p : default_id(cf, type->text.p);
	if (id != NULL && id_taken(cf, in.id))
		return err_at(err, id->line, id->col, ERR_SYNTAX, "inputs: the id %s is used twice",
			      in.id);
	in.conf = arena_alloc(&cf->mem, in.cls->conf_size > 0 ? in.cls->conf_size : 1);
	if (in.id == NULL || in.conf == NULL || settings_of(nd, &cf->mem, &own) < 0)
		return err_nomem(err);
	memset(in.conf, 0, in.cls->conf_size);
	if (in.cls->conf != NULL && conf_bind(&own, in.cls->conf, in.conf, &cf->mem, err) < 0)
		return -1;
	if (in.cls->conf == NULL && own.first != NULL)
		return err_at(err, own.first->line, own.first->col, ERR_SYNTAX,
			      "inputs: type %s has no settings", in.cls->name);
	cf->inputs[cf->n_inputs++] = in;
	return 0;
}

static int read_inputs(struct config *cf, const struct conf_node *list,
		       const struct input_class *const *classes, struct err *err)
{
	if (list == NULL)
		return err_at(err, 1, 1, ERR_SYNTAX,
			      "inputs is missing: a list of what to read, each with its type");
	if (list->kind != CONF_LIST || list->first == NULL)
		return err_at(err, list->line, list->col, ERR_SYNTAX,
			      "inputs: expected a list of what to read (- type: file)");
	for (const struct conf_node *nd = list->first; nd != NULL; nd = nd->next) {
		if (cf->n_inputs == CONFIG_INPUTS_MAX)
			return err_at(err, nd->line, nd->col, ERR_FULL, "inputs: more than %u",
				      CONFIG_INPUTS_MAX);
		if (nd->kind != CONF_MAP)
			return err_at(err, nd->line, nd->col, ERR_SYNTAX,
				      "inputs: expected settings (- type: file)");
		if (add_input(cf, nd, classes, err) < 0)
			return -1;
	}
	return 0;
}

/* "host" becomes "host:5044". NULL: no address, or no memory (then *ret_nomem). */
static const char *whole_address(struct config *cf, const char *text, bool *ret_nomem)
{
	char host[256], out[300];
	const char *whole;
	uint16_t port;

	if (!text_host_port(slice_str(text), COLLECTOR_PORT, host, &port))
		return NULL;
	snprintf(out, sizeof(out), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
	whole = copy(cf, out);
	*ret_nomem = whole == NULL;
	return whole;
}

static int check_addresses(struct config *cf, const struct conf_node *root, struct err *err)
{
	const struct conf_node *nd = conf_find(root, "collector.addresses");
	bool nomem = false;

	if (nd->kind == CONF_LIST)
		nd = nd->first;
	for (size_t i = 0; i < cf->collector.addresses.n; i++, nd = nd->next) {
		const char *whole = whole_address(cf, cf->collector.addresses.v[i], &nomem);

		if (whole == NULL && nomem)
			return err_nomem(err);
		if (whole == NULL)
			return err_at(err, nd->line, nd->col, ERR_SYNTAX,
				      "collector.addresses: expected HOST or HOST:PORT");
		cf->collector.addresses.v[i] = whole;
	}
	return 0;
}

/* What enrolment wrote: who we are, and where the collector is if the settings do not say. */
static int read_enrolment(struct config *cf, struct err *err)
{
	const char *path = below(cf, "enrolment.json"), *agent, *tenant, *address;
	struct buf text = { 0 };
	json_t *root = NULL;
	bool nomem = false;
	struct err why;
	int r = -1;

	if (path == NULL)
		return err_nomem(err);
	if (file_read(path, 65536, &text, &why) < 0) {
		/* Somebody who may not look into the state folder can still check the settings. */
		r = why.code == ERR_ABSENT || why.code == ERR_DENIED ? 0 : -1;
		if (r < 0 && err != NULL)
			*err = why;
		goto out;
	}
	root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_unpack(root, "{s:s, s:s, s:s}", "agent", &agent, "tenant", &tenant, "collector",
			&address) < 0) {
		err_set(err, ERR_SYNTAX, "%s is damaged; enrol this agent again with a new token",
			path);
		goto out;
	}
	cf->agent = copy(cf, agent);
	cf->tenant = copy(cf, tenant);
	if (cf->agent == NULL || cf->tenant == NULL) {
		err_nomem(err);
		goto out;
	}
	if (cf->collector.addresses.n == 0) {
		address = whole_address(cf, address, &nomem);
		cf->collector.addresses.v = arena_alloc(&cf->mem, sizeof(address));
		if (nomem || cf->collector.addresses.v == NULL) {
			err_nomem(err);
			goto out;
		}
		if (address == NULL) {
			err_set(err, ERR_SYNTAX, "%s: collector: expected HOST:PORT", path);
			goto out;
		}
		cf->collector.addresses.v[0] = address;
		cf->collector.addresses.n = 1;
	}
	r = 0;
out:
	json_decref(root);
	buf_release(&text);
	return r;
}

static int derive(struct config *cf, struct err *err)
{
	char host[256] = "";

	if (cf->host_name == NULL) {
		gethostname(host, sizeof(host) - 1);
		cf->host_name = copy(cf, host[0] != '\0' ? host : "localhost");
	}
	if (cf->run_dir == NULL)
		cf->run_dir = cf->state_dir;
	cf->key_path = below(cf, "agent.key");
	cf->cert_path = below(cf, "agent.crt");
	cf->ca_path = below(cf, "ca.crt");
	if (cf->host_name == NULL || cf->key_path == NULL || cf->cert_path == NULL ||
	    cf->ca_path == NULL)
		return err_nomem(err);
	return 0;
}

static int read_all(struct reading *rd, const struct conf_node *root,
		    const struct input_class *const *classes, struct err *err)
{
	struct config *cf = &rd->cf;

	if (conf_bind(root, config_items, rd, &cf->mem, err) < 0 ||
	    check_addresses(cf, root, err) < 0)
		return -1;
	if (*cf->state_dir == '\0')
		return bad(root, "state_dir", "the path of a folder", err);
	if (cf->host_name != NULL && !text_is_name(slice_str(cf->host_name), 255))
		return bad(root, "host_name", "a name on one line, at most 255 bytes", err);
	if (cf->collector.max_rate_bps > 0 && cf->collector.max_rate_bps < RATE_MIN_BPS)
		return bad(root, "collector.max_rate_bps",
			   "bits a second, at least 2400, or 0 for no limit", err);
	return read_inputs(cf, rd->inputs, classes, err);
}

int config_load_with(const char *path, const struct input_class *const *classes, struct config *ret,
		     struct err *err)
{
	struct reading rd = { 0 };
	struct conf_node *root = NULL;

	rd.cf.path = copy(&rd.cf, path != NULL ? path : DEFAULT_PATH);
	if (rd.cf.path == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (conf_load(rd.cf.path, &rd.cf.mem, &root, err) < 0) {
		if (err != NULL && err->code == ERR_ABSENT)
			err_set(err, ERR_ABSENT,
				"there are no settings at %.300s; enrol this agent, or name the "
				"file with "
				"--config",
				rd.cf.path);
		goto fail;
	}
	if (read_all(&rd, root, classes, err) < 0) {
		conf_err_in(err, rd.cf.path);
		goto fail;
	}
	if (derive(&rd.cf, err) < 0 || read_enrolment(&rd.cf, err) < 0)
		goto fail;
	*ret = rd.cf;
	return 0;
fail:
	config_release(&rd.cf);
	return -1;
}

void config_waiting(const struct config *running, const struct config *fresh, struct buf *out)
{
	struct config want = *fresh; /* the first member of struct reading, which the table is of */

	want.keep_original = running->keep_original;
	conf_differ(config_items, running, &want, out);
}

void config_release(struct config *cf)
{
	arena_release(&cf->mem);
	*cf = (struct config){ 0 };
}

const char *config_key_path(const struct config *cf)
{
	return cf->key_path;
}

const char *config_cert_path(const struct config *cf)
{
	return cf->cert_path;
}

const char *config_ca_path(const struct config *cf)
{
	return cf->ca_path;
}
