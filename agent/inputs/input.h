/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/input.h: what every kind of input is to the agent.
 * A new kind is one file, one line in input_classes, one test and one manual page.
 * An input that fails is restarted with back-off by the agent and reported; it never takes the
 * agent down. Thread: the loop thread; callbacks never block. */
#ifndef VARTIO_INPUTS_INPUT_H
#define VARTIO_INPUTS_INPUT_H

#include <sys/stat.h>
#include <uv.h>

#include "agent/spool/spool.h"
#include "common/base/conf.h"
#include "common/normalise/normalise.h"

struct input;

/* Where an input's records go (functions, so that a test can be a sink): agent/pipe.c, which
 * normalises, writes JSON and adds to the spool. 0 taken; -1 with ERR_FULL: not taken, stop
 * reading, keep the place, wait for resume. */
struct sink {
	int (*record)(struct sink *sk, struct input *in, enum norm_format format, struct slice line,
		      const struct norm_source *src, struct slice key, struct slice checkpoint,
		      struct err *err);
	/* Stores a checkpoint with no event (a file that went away: empty value). */
	int (*checkpoint)(struct sink *sk, struct input *in, struct slice key, struct slice value,
			  struct err *err);
	/* The stored checkpoint of key, empty when there is none; lent until the next sink call. */
	struct slice (*checkpoint_get)(struct sink *sk, struct slice key);
	/* Calls each for every stored checkpoint, of all inputs; each makes no sink call itself. */
	void (*checkpoint_each)(struct sink *sk,
				void (*each)(void *arg, struct slice key, struct slice value),
				void *arg);
	/* The input cannot go on (err says why): the agent closes it and opens it again later. */
	void (*failed)(struct sink *sk, struct input *in, const struct err *err);
	/* One log line of the agent, with input= set. The sink counts what failed and warn tell in
	 * stats.errors; an input counts what it keeps quiet about. */
	void (*warn)(struct sink *sk, struct input *in, const struct err *err);
	/* How many records and checkpoints were taken, of all inputs of the lane, and how many of
	 * these, from the first on, are on disk. hurry: somebody waits for in's. */
	uint64_t (*taken)(struct sink *sk, struct input *in);
	uint64_t (*durable)(struct sink *sk, struct input *in);
	void (*hurry)(struct sink *sk, struct input *in);
};

struct input_stats {
	metric events, bytes; /* records given to the sink and taken; kept by input_record */
	metric dropped;       /* records that could not be kept */
	metric cut;           /* records longer than the limit */
	metric errors;
	metric unread; /* files that the settings mean, and that are of a kind that is not read */
	metric lost; /* records that their sender lost on the way, as it says or its numbers tell */
	metric last_ns; /* when the last record was taken */
};

struct input_class {
	const char *name; /* as the configuration says it: "file", "syslog-udp" */
	enum lane lane;
	const struct conf_item *conf; /* settings: name, type, range, default, help */
	size_t conf_size;             /* of the struct that conf fills */
	/* Checks rights and settings without starting: one err a fault, with the line that repairs
	 * it. Called by `vartio-agent check`. NULL: nothing to check. */
	int (*check)(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg);
	/* Calls each for every file that the settings name now, with the one of them that does.
	 * NULL: they name none. */
	void (*names)(const void *conf,
		      void (*each)(void *arg, const char *setting, const char *path,
				   const struct stat *st),
		      void *arg);
	/* Of a checkpoint whose key is KIND:ID or KIND:ID:REST: is it a place in something that the
	 * settings read? And are two of them places in one thing? begun: the REST of the mark that
	 * an input is not new, NULL: there is none. For agent/carry.c; NULL: places do not depend
	 * on the input's id. */
	bool (*reads)(const void *conf, struct slice rest, struct slice value);
	bool (*same)(struct slice a, struct slice b);
	const char *begun;
	int (*open)(struct input *in, struct err *err);
	void (*pause)(struct input *in); /* the spool is full: stop reading, keep the place */
	void (*resume)(struct input *in);
	/* sink.durable has risen. NULL: does not matter to it. */
	void (*durable)(struct input *in);
	/* Open: brings stats up to date with what only the kernel has counted. NULL: they are. */
	void (*look)(struct input *in);
	/* Open: what only this kind knows, as a JSON object (a new reference; NULL: out of memory),
	 * and that as lines for a person. NULL: nothing more than stats. */
	struct json_t *(*describe)(const struct input *in, int64_t now_ns);
	void (*describe_text)(const struct json_t *described, struct buf *out);
	void (*close)(struct input *in, void (*closed)(struct input *in)); /* later, as in libuv */
};

struct input {
	const struct input_class *cls;
	const char *id;   /* unique in the agent: "file", "file-2", or the configured id */
	const void *conf; /* a struct of cls->conf_size; lives as long as the input */
	uv_loop_t *loop;
	struct sink *sink;
	struct slice host; /* this machine's name */
	int32_t zone_s;    /* seconds east of UTC for times without a zone */
	bool keep_original;
	struct input_stats stats;
	void *data;  /* the kind's own state */
	void *owner; /* the agent's */
};

extern const struct input_class *const input_classes[]; /* ends with NULL */

/* For the kinds of input. input_record hands one record to the sink and keeps the statistics.
 * A checkpoint that is empty under a key that is not removes the key with this record. */
int input_record(struct input *in, enum norm_format format, struct slice line,
		 const struct norm_source *src, struct slice key, struct slice checkpoint,
		 struct err *err);
/* A source with what holds for every record of this input: host, zone, keep_original. */
struct norm_source input_source(const struct input *in, const char *type, int64_t received_ns);
/* Sets err to why path cannot be read (error: the errno), with the command that repairs it where
 * rights are missing. Always -1. */
int input_unreadable(const char *path, int error, struct err *err);
/* The settings' word for a format (auto, syslog, raw, json), and what it stands for. */
extern const char *const input_formats[];
enum norm_format input_format(int index);

#endif
