/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/correlate.h: signals in, findings out. Holds the only state of detection: the
 * windows of Sigma correlations, and the (rule, event.id) pairs seen, so that a repeated signal
 * counts once. Rebuilt after a restart by replaying signals over the longest window.
 * Thread:   one.   Memory: bounded, evictions counted.
 * Time:     windows slide on event time, per group, so that a backlog is judged as it happened;
 *           state ages by the time of arrival (event.ingested). now_ns stands in where that is
 *           absent.
 * Standard: Sigma correlation rules 2.1.0, and value_median and conditions over rule names, which
 * came after it. Where it leaves room:
 * - A condition is judged at each event, over the window of the timespan that ends with it; after
 *   a late event, over the windows behind it too. So `gte: 10` is found once, at the tenth event,
 *   and `lt`, `lte`, `eq`, `neq` and "not" say what was so then: nothing is found when events stay
 *   away, nor taken back when more come.
 * - An event without a value for a group-by field, or for the field that is counted, takes no part;
 *   of several values the first counts. An event that matches two of the rules counts once.
 * - Values are told apart letter by letter, case included, for group-by and for what is counted,
 *   though detection compares without case: on many systems Root and root are two accounts, and
 *   which fields ignore case no rule says.
 * - value_sum, value_avg, value_median and value_percentile want numbers: JSON's, or text that
 *   spells one. Anything else takes no part, counted. Nine digits behind the point are kept.
 * - value_percentile with `percentile: P` compares the value below which P percent of the values
 *   lie, linear between the two nearest (see measure.h); the median is P = 50. Without it, as in
 *   the specification's example, it compares the share of the window's values, in percent, that
 *   equal the event's own.
 * - temporal with a number wants so many different rules. temporal_ordered is true at an event that
 *   ends a chain in the order of the list; with a number, the longest such chain is compared; with
 *   an expression, the chain is of the rules of one of its least alternatives.
 * - A correlation that another one refers to is an event of it at the times at which its own
 *   condition is true, and counts once a session. */
#ifndef VARTIO_CORRELATE_CORRELATE_H
#define VARTIO_CORRELATE_CORRELATE_H

#include "collector/correlate/signal.h"

struct finding_value {
	const char *field; /* "source.ip"; lives as long as the ruleset */
	struct slice
		value; /* at most CORRELATE_VALUE_MAX bytes, whole UTF-8; a longer one is cut */
};
/* What is kept of a contributing signal; the event itself is in the archive. */
struct finding_signal {
	const struct rule *rule; /* the detection rule that matched */
	struct slice event_id;
	int64_t first_ns,
		last_ns; /* event time; the same unless several alike were folded into one */
	uint32_t count;  /* events it stands for: 1; more when folded; 0 when the event
			  * stands in the finding already, by another rule */
	const struct finding_value *values; /* source.ip, user.name, ..., and the rules' fields */
	size_t n_values;
};
struct finding { /* "this rule is true of this group now"; everything lent during the callback */
	const struct rule *rule;
	struct slice tenant;
	struct slice entity; /* the values of rule->entity, joined with ", " */
	struct slice
		group_key; /* whose alert it is: tenant-free, stable text of the entity's fields
			    * and values (of the group-by's where the event has no entity) */
	const struct finding_signal
		*signals; /* new contributing signals, oldest first; at least one */
	size_t n_signals;
	uint64_t more;       /* further events of the window whose details were not kept */
	struct slice sample; /* JSON of the event that made the finding */
	bool holds;          /* the rule's condition is true now. false: a further signal of a group
			      * that was found before; it extends an open alert and raises none */
};

#define CORRELATE_VALUE_MAX 256u /* bytes of a value kept for an alert */
/* Kept a group; twice the threshold where that is more. Past it signals alike are folded into one,
 * else only counted. Counts of values and rules stay right; what is added up (value_sum, value_avg,
 * shares, event_count of which a largest number is asked) may leave its window by 1/256 of the
 * timespan too late; percentiles and medians are those of the newest values (a bound
 * also on what a sender costs whose every second event is late by all that is allowed). */
#define CORRELATE_SIGNALS_MAX 1024u
#define CORRELATE_VALUES_MAX  4096u /* of shares */

struct correlate;
struct correlate_stats;
struct correlate_opts {
	struct ruleset *rules; /* a reference is taken */
	size_t max_bytes;      /* of state; past it the oldest windows go, counted. 0: 256 MiB */
	int64_t session_ns;    /* alert.session: a group that was found passes its signals on until
				* it was quiet for so long, or for the rule's timespan if longer. 0: 1
				* h */
	int64_t lateness_ns; /* how far behind their group's newest events may open a window. 0: the
			      * rule's timespan. Later ones extend what was found; else they are a
			      * group of their own, so that a backlog behind newer events is judged
			      * too. What comes too late for both only extends */
	void (*found)(void *arg, const struct finding *f);
	void *arg;
	struct correlate_stats
		*stats; /* borrowed: counters that outlive this correlate; NULL: its own */
};
struct correlate_stats {
	metric signals;    /* taken */
	metric unknown;    /* of rules that are not loaded (any more): passed over */
	metric repeated;   /* (rule, event.id) seen before: dropped */
	metric ungrouped;  /* a group-by field was absent: the event takes no part */
	metric unnumbered; /* a field that a correlation adds up holds no number: no part either */
	metric late;       /* too late to open a window */
	metric ahead;      /* dated more than 5 minutes after their arrival: taken as of arrival */
	metric findings;   /* given to found */
	metric evicted;    /* groups given up for memory */
	metric folded;     /* signals whose details were folded away */
	metric steps;      /* items that entered or left a window: what judging costs */
	metric groups, bytes, repeats_kept; /* now */
};
int correlate_new(const struct correlate_opts *opts, struct correlate **ret, struct err *err);
/* Takes one signal. replay: state is being rebuilt, of what was told already; it is not told again.
 * A detection rule that alerts by itself gives a
 * finding at once; correlations when their condition becomes true, with all signals of the window
 * that no earlier finding of the group carried, and then for each further signal of the group. */
int correlate_signal(struct correlate *co, struct signal_in *sg, int64_t now_ns, bool replay,
		     struct err *err);
/* Reads a signal of the log into sg, as signal_read does, and takes it as a replay. Of its event,
 * which was checked when it was written, only what the rules look at is read. */
int correlate_replay(struct correlate *co, struct slice text, struct signal_in *sg, int64_t now_ns,
		     struct err *err);
int64_t correlate_horizon_ns(
	const struct correlate *co); /* the longest window: how far to replay */
const struct correlate_stats *correlate_stats(const struct correlate *co);
void correlate_metrics(const struct correlate_stats *st, struct buf *out); /* any thread */
void correlate_free(struct correlate *co);

#endif
