/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/state.h: what the files of this folder share. Not for others.
 *   correlate.c  a signal's way through the rules
 *   plan.c       rules to plans
 *   look.c       fields of events; skim.c: events without what nobody looks at
 *   record.c     what is kept of a signal
 *   groups.c     the table of groups, their age and memory
 *   items.c      what a group holds, in order of time
 *   fold.c       room in a group that holds too much
 *   window.c     is the condition true?
 *   measure.c    what a window amounts to; chain.c: events in order
 *   finding.c    items to findings */
#ifndef VARTIO_CORRELATE_STATE_H
#define VARTIO_CORRELATE_STATE_H

#include "collector/correlate/correlate.h"
#include "collector/correlate/seen.h"
#include "collector/correlate/siphash.h"
#include "collector/correlate/skim.h"

#define FIELDS_PER_RULE 32u /* collected of one signal */
#define NEST_MAX        8u  /* correlations of correlations */
#define TIME_MAX_NS     (INT64_MAX / 4)

/* A signal as groups keep it, shared between them: its event.id, then its values, each as a field
 * number and a length of two bytes, and the text. */
struct record {
	uint32_t refs;
	uint16_t id_n, n_values;
	uint32_t values_n;
	uint32_t rule; /* number of the detection rule */
	int64_t time_ns;
	uint64_t id_hash;
	char data[];
};

enum {                   /* what an item is to its group's condition */
       ITEM_COUNTS = 1,  /* one more event */
       ITEM_PRESENT = 2, /* its rule is true at that time */
       ITEM_CARRIED = 4, /* a finding has told it, or it lies before the window that was told */
};

struct item { /* one record in one group */
	struct record
		*rec;    /* of the earliest event; NULL once told, when only the rest is wanted */
	int64_t last_ns; /* event time; of several folded into one the latest */
	uint64_t value;  /* value_*: a number's bits as a double, or the hash of a value */
	uint32_t count;  /* events to tell: 1; more when folded; 0: its event is there already */
	uint32_t weight; /* events that it stands for in the condition */
	uint16_t place;  /* which of correlation.rules */
	uint8_t flags;
};

struct slide; /* window.c: of a group of many items, kept from signal to signal */

struct group {
	struct group *chain;         /* in the table's slot */
	struct group *older, *newer; /* of the same plan, by arrival */
	struct plan *plan;
	struct item *items;  /* first, oldest first; equal times by arrival. &one: inside */
	struct slide *slide; /* NULL: made anew each time */
	uint64_t hash;
	uint64_t more;         /* events folded away without their details, not told yet */
	int64_t newest_ns;     /* event time */
	int64_t open_from_ns;  /* event time; the earliest signal that was told since it opened */
	int64_t open_until_ns; /* event time; told, and passing its signals on until then */
	int64_t touched_ns;    /* arrival */
	uint32_t head, n, cap; /* items: items[head] to items[head + n - 1] of cap */
	uint32_t told;         /* so many of the oldest are all ITEM_CARRIED */
	uint16_t key_n;
	bool open;
	struct item one; /* most groups never have a second */
	char key[];
};

static inline struct item *group_item(const struct group *g, uint32_t i)
{
	return &g->items[g->head + i];
}

struct use { /* "this rule is place N of that correlation" */
	struct plan *plan;
	uint16_t place;
};

struct plan { /* what the rules ask of one rule */
	const struct rule *rule;
	struct use *uses; /* the correlations that refer to it */
	size_t n_uses;
	uint16_t fields[FIELDS_PER_RULE]; /* detection rules: what is kept of a match */
	size_t n_fields;
	/* Correlations: */
	int64_t late_ns, session_ns, hold_ns; /* hold: arrival time after which a group is over */
	bool rising;                          /* more events can only make the condition true */
	bool twice;                           /* an event may come to a group more than once */
	uint64_t asked; /* the largest number that the condition compares a count with */
	uint32_t items_max;
	struct group *oldest, *newest;
	size_t n_groups;
};

struct look { /* where the field of that name, known by its address, is in events */
	const char *name;
	size_t n;
	struct field_look path[FIELD_LOOK_MAX];
};
struct looks {
	struct look *slot; /* open addressing; name NULL: empty */
	size_t cap, n;
};

struct correlate {
	struct ruleset *rules;
	struct plan *plans; /* by rule number */
	size_t n_plans;
	size_t *by_id; /* open addressing: rule number + 1; 0 empty */
	size_t by_id_cap;
	const char **fields; /* all field names that are collected */
	size_t n_fields;
	struct looks looks;
	struct skim_set skim; /* what of an event they look at */
	struct sip_key key;
	struct seen seen;
	struct group **table;
	size_t table_cap, n_groups, bytes, max_bytes, sweep;
	struct slide *slide; /* for groups that have none of their own */
	int64_t horizon_ns;
	int64_t arrived_ns, arrival_ns; /* by our wall clock, and by one that does not jump */
	int64_t set_back_ns;            /* how far the wall clock went back, less what it made up */
	void (*found)(void *arg, const struct finding *f);
	void *arg;
	struct buf key_buf, entity, group_key;
	struct arena mem; /* of one finding */
	struct correlate_stats own_stats, *stats;
};

struct incoming { /* one signal on its way */
	struct signal_in *sg;
	const struct rule *rule; /* that matched */
	struct record *rec;
	int64_t time_ns;
	bool replay;
};

/* record.c */
struct record *record_new(struct correlate *co, const struct plan *plan, struct signal_in *sg,
			  int64_t time_ns);
void record_unref(struct correlate *co, struct record *rec);
uint64_t record_hash(const struct correlate *co, const struct record *rec); /* rule and values */
struct slice record_id(const struct record *rec);
bool record_alike(const struct record *a, const struct record *b); /* the same rule and values */
/* The n-th value; n < rec->n_values. at: 0 first, then what the last call left. */
struct finding_value record_value(const struct correlate *co, const struct record *rec, size_t *at);
/* look.c: the first value of a field as text, found as the rules find it. false: the event has
 * none. field: one of the names that looks_make was told of, not a copy. */
bool event_value(struct correlate *co, struct signal_in *sg, const char *field, struct slice *ret);
/* At most max bytes of s, ended at a character. */
struct slice value_cut(struct slice s, size_t max);

size_t memory_of(void *p); /* what an allocation costs, the allocator's part included; NULL: 0 */

/* groups.c */
struct group *group_get(struct correlate *co, struct plan *plan, struct slice key, struct err *err);
void groups_age(struct correlate *co, struct plan *plan);
void groups_evict(struct correlate *co);
void groups_release(struct correlate *co);

/* items.c. Places are those from the oldest item on, and move when items come before them. */
/* Puts rec into the group behind what is not later. -1: no memory; *ret: its place. */
int group_add(struct correlate *co, struct group *g, struct record *rec, int64_t last_ns,
	      uint32_t *ret, struct err *err);
void group_trim(struct correlate *co, struct group *g); /* what no window reaches any more */
/* A finding has told all of it. own: the record in hand. */
void group_told(struct correlate *co, struct group *g, const struct record *own);
void group_drop_first(struct correlate *co, struct group *g, uint32_t n);
void group_empty(struct correlate *co, struct group *g);
void item_forget(struct correlate *co, struct item *it); /* its record */

/* fold.c: makes n smaller by an eighth or more. What was told goes first, then two alike become
 * one, then details go and only their number stays. */
void group_fold(struct correlate *co, struct group *g);

/* window.c: 1: the condition holds in a window that ends with the item at that place or behind it,
 * and holds it; the first of them begins at *ret_from; 0: in none; -1: no memory. */
int window_holds(struct correlate *co, struct group *g, uint32_t own, int64_t *ret_from_ns,
		 struct err *err);
/* The group's items change: at a place one comes; the first n go; all are others. */
void slide_insert(struct group *g, uint32_t at);
void slide_drop(struct group *g, uint32_t n);
void slide_reset(struct group *g);
struct slide *slide_new(void); /* NULL: no memory */
void slide_free(struct slide *w);
size_t slide_bytes(const struct slide *w);

/* finding.c: tells what of the group was not told; of rules that do not alert it only marks it. */
int finding_tell(struct correlate *co, struct group *g, const struct incoming *in, bool holds,
		 struct err *err);
int finding_single(struct correlate *co, const struct plan *plan, const struct incoming *in,
		   struct err *err);

#endif
