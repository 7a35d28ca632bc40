/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file.h: the file input's own insides, shared by its files:
 *   file.c        settings, life cycle, whose turn it is to read
 *   file_scan.c   which files there are: globs, folders watched, rotation noticed
 *   file_tail.c   one file: open, read a bounded piece, lines to records, finish
 *   file_rest.c   where the rest of a file went: renamed, copied, compressed, replaced
 *   file_missed.c generations that came and went while the agent was stopped
 *   file_place.c  a place in a file as a checkpoint; fingerprints
 *   file_check.c  which paths the settings name, and which of them are no log files
 *   file_carry.c  whose a place is when the settings have changed
 *
 * A file is known by device, inode, the fingerprint of its first bytes and the end of what was read
 * of it, so that neither a new name, nor an inode used again, nor a banner on top of each log
 * confuses two files. A tail goes through these states:
 *
 *   LIVE      a path of ours leads to it
 *   ROTATED   none does any more; it is open, and read until it has been quiet for a while
 *   PARKED    not open; its place is remembered (after a restart: not yet seen again)
 *   LOST      its bytes are no longer under its inode: truncated, or removed while not open.
 *             Only its place and fingerprint are known, and a copy is looked for
 *
 *   PARKED -> LIVE <-> ROTATED -> PARKED or gone;   LIVE, PARKED -> LOST -> ROTATED or gone
 *
 * Promise: a record's checkpoint is the place after it, so each line reaches the sink once. */
#ifndef VARTIO_INPUTS_FILE_H
#define VARTIO_INPUTS_FILE_H

#include <sys/stat.h>
#include <zlib.h>

#include "agent/inputs/input.h"

#define FILE_HEAD_MAX 1024u                /* bytes that a fingerprint covers at most */
#define FILE_NULS_MAX ((uint64_t)64 << 20) /* NUL bytes in front that are passed over at once */
#define FILE_DIR_MAX  2048u /* of the name of a folder in which rotation leaves something */
#define FILE_DIRS_MAX 4u    /* folders in which rotation leaves what was a log: its own is one */
#define FILE_STARTED  "started" /* the mark of the first start: its name behind file:ID: */
#define FILE_ODD_MAX  32u       /* paths that lead to no file and are told of, once each */

extern const struct input_class input_file;

enum file_from { FROM_BEGINNING, FROM_END };

struct file_conf {
	struct conf_strs paths, exclude; /* globs */
	struct conf_strs rotated_to; /* folders: where rotation moves logs to, beside their own */
	int format, from;
	uint64_t max_line_bytes;
	int64_t ignore_older, close_rotated, poll_ms; /* ms */
	bool compressed;                              /* look for rests in .gz files */
};

struct file_print {    /* SHA-256, cut to 64 bits, of n bytes from base; n 0: none yet */
	uint64_t base; /* after the NUL bytes that a copytruncate may have left in front */
	uint32_t n;
	uint64_t hash;
};

/* What stands before the place that was read up to: a log that begins like another one goes on
 * differently. */
struct file_end {
	uint32_t n, crc; /* CRC-32C of the n bytes before `at`; n 0: unknown */
	uint64_t at;
};

enum tail_state { TAIL_LIVE, TAIL_ROTATED, TAIL_PARKED, TAIL_LOST };

struct files;
struct tail {
	struct files *fs;
	enum tail_state state;
	char no[17];       /* its checkpoint's name: 16 hex digits */
	char *path, *real; /* as the glob found it; without symbolic links */
	dev_t dev;
	ino_t ino; /* both 0: unknown, or LOST */
	struct file_print print;
	struct file_end end; /* end.at <= offset */
	uint64_t offset;     /* after the last record that the sink took */
	bool skip;           /* offset is inside a line whose rest is not wanted */
	bool mid;            /* offset is inside a line: its first part went as a record */
	bool done;           /* PARKED: it was read to its end; ino 0: and is gone from its inode */
	bool begun;          /* it is settled where reading starts */
	bool from_end;       /* reading starts at the end, settled when it can be opened */
	bool stored;         /* the sink has a checkpoint of it */
	bool dirty;          /* there may be something to read */
	bool held;           /* not begun: it may be a copy in the making of another one */
	bool warned;         /* that it can't be read */
	bool packed;         /* what came after it is in a file that we cannot read: it is told */
	bool dead;           /* to be freed after the turn */
	int fd;              /* -1: not open */
	gzFile gz;           /* ROTATED and complete, read through zlib; fd is -1 then */
	uint64_t gz_at;      /* inflated so far */
	struct buf carry;    /* gz: inflated bytes from offset on */
	char *head;          /* while open: the first bytes from print.base */
	size_t head_n;
	uint64_t size; /* as last seen */
	struct timespec mtime;
	struct timespec after; /* LIVE, nothing read: only what changed after this is not read */
	uint64_t since_ms;     /* loop time: ROTATED last growth, LOST since, held since */
	uint64_t read_ms;      /* loop time of the last read */
	uint64_t lost_ms;      /* loop time when it became LOST; 0: never */
	/* ROTATED, LOST, or PARKED and done: what came after it is still looked for. */
	bool pending;
	/* By folder (file_rotated_dir). settled: pending, and its mtime when that was looked for in
	 * peace. */
	struct timespec settled[FILE_DIRS_MAX];
	dev_t was_dev; /* LOST: the inode that its bytes were under */
	ino_t was_ino;
	struct timespec looked[FILE_DIRS_MAX]; /* LOST: its mtime when last searched */
	unsigned seen;                         /* the scan that saw it last */
};

/* A place as text. From line to line little of it changes: the rest is kept, and what it was made
 * from. No padding: it is compared as bytes. */
enum { PLACE_SKIP = 1, PLACE_MID = 2, PLACE_DONE = 4, PLACE_PENDING = 8 };
struct place_same {
	uint64_t dev, ino, base, hash, n, changed_ns, flags;
};
#define PLACE_PARTS 3u /* before the offset, behind it, behind file_end's numbers */
struct place_text {
	struct place_same same;
	bool made;
	struct buf part[PLACE_PARTS];
	size_t names_at, path_n; /* in the last part: PATH REAL */
	struct buf text;
};

struct watch;
struct files {
	struct input *in;
	const struct file_conf *conf;
	uv_timer_t poll, settle;
	uv_idle_t turn;
	struct tail **tails;
	size_t n_tails, cap_tails, next, found_hint;
	struct watch **watches;
	size_t n_watches;
	unsigned handles; /* open libuv handles; the last one to go frees all */
	unsigned scan;    /* number of the scan */
	bool first;       /* the first start ever, during its first scan */
	bool scan_wanted, paused, closing, busy, failing, watch_warned, many_warned;
	struct {
		dev_t dev;
		ino_t ino;
	} odd[FILE_ODD_MAX]; /* no files, and told of */
	size_t n_odd;
	struct {
		dev_t dev;
		ino_t ino;
	} unread[FILE_ODD_MAX]; /* generations that we cannot read, and told of */
	size_t n_unread;
	unsigned n_lost; /* gone while the agent was stopped, and told of */
	struct err failure;
	char *buf; /* read into, of buf_n bytes: longer than the longest line */
	size_t buf_n;
	int64_t read_ns; /* when the bytes at hand were read: event.created of their lines */
	struct buf key;  /* reused, as the next */
	struct place_text place;
	void (*closed)(struct input *in);
};

/* file.c */
struct tail *tail_new(struct files *fs);  /* joins fs->tails; NULL: out of memory or too many */
void tail_forget(struct tail *t);         /* removes its checkpoint; freed after the turn */
void files_wake(struct files *fs);        /* something is dirty, or a scan is wanted: soon */
void files_wake_held(struct files *fs);   /* what they wait for may have come */
void files_handle_gone(struct files *fs); /* one libuv handle was closed */
void files_warn(struct files *fs, const struct err *err);
bool tail_set_path(struct tail *t, const char *path);     /* and real. false: out of memory */
struct slice files_key(struct files *fs, const char *no); /* lent until the next call */
void tail_store(struct tail *t);                          /* its place, without a record */

/* file_place.c */
#define FILE_END_MAX 128u
uint64_t print_hash(const void *p, size_t n);
/* The file begins so, compressed or not; NUL bytes in front are inflated, FILE_NULS_MAX at most. gz
 * is at its beginning before, and after when true. */
bool print_is_in_gz(const struct file_print *print, gzFile gz);
struct file_end end_of(struct slice before, uint64_t at); /* before: what stands before `at` */
bool end_is_in(const struct file_end *end, int fd);
/* The same in a compressed file, which is inflated up to there; what stands too far behind is
 * believed. gz is at its beginning before and after. */
bool end_is_in_gz(const struct file_end *end, gzFile gz);
/* Lent until pt is used again; pt->text.failed: none. */
struct slice tail_place(const struct tail *t, uint64_t offset, bool skip, bool mid,
			struct place_text *pt);
void place_text_release(struct place_text *pt);
/* Fills t from a checkpoint's value. false: not one; t is untouched. */
bool tail_place_read(struct tail *t, struct slice value);
/* A log of which nothing was read has a place too, so that a later start looks for what was written
 * since: after t->after. What it holds already counts as later. */
void tail_store_unread(struct tail *t);
bool tail_changed_after(const struct tail *t, const struct stat *st); /* since t->after */
bool time_later(const struct timespec *a, const struct timespec *b);
bool time_same(const struct timespec *a, const struct timespec *b);
/* Names that rotation may give to one another: auth.log, auth.log.1, auth-20261123.log.gz. */
bool file_siblings(const char *a, const char *b);
bool file_compressed(const char *name); /* by its ending */
const char *file_base(const char *path);
/* The i-th folder in which rotation leaves what was t's: first the one where it is now, or was last
 * seen. false: there are no more. */
bool file_rotated_dir(const struct tail *t, size_t i, char out[FILE_DIR_MAX]);
size_t file_dir(const char *path); /* length of the folder's part, without the slash; "/": 1 */

/* file_tail.c */
enum tail_opened { TAIL_OPEN, TAIL_UNREADABLE, TAIL_OTHER /* the bytes are not those we knew */ };
enum tail_opened tail_open(struct tail *t); /* at its path */
enum tail_opened tail_open_at(struct tail *t, const char *path);
void tail_close(struct tail *t); /* the descriptor; the place stays */
void tail_turn(struct tail *t, size_t *budget);
void tail_finish(struct tail *t); /* ROTATED and quiet: the partial rest goes as a record */
/* Another one of its path waits to be finished or found, so what was read after it must be known.
 */
bool tail_wanted(const struct tail *t);
bool tail_real_from_fd(struct tail *t); /* true: it has a name, which is now t->real */
/* Are the bytes in fd those that t has read? They begin with its fingerprint, and stand before its
 * place, which is after a line's end. */
bool tail_matches(const struct tail *t, int fd);

/* file_rest.c */
enum rest_begin { BEGIN_HERE, BEGIN_WAIT };
enum rest_begin rest_begin(struct tail *t); /* where to start; may take another's place over */
void rest_lost(struct tail *t); /* t's bytes are gone from its inode: LOST, and look for them */
void rest_truncated(struct tail *t); /* the same, while t goes on with the new content */
void rest_search(struct tail *t);    /* a LOST one, again, when its folder changed */
/* A name was found that leads to its inode, which is t->real now. A folder that stays as it was is
 * asked once. */
bool rest_renamed(struct tail *t);
/* The folder's last change is old enough for its time to show the next one: clocks of file systems
 * are coarser than changes. */
bool file_dir_quiet(const struct stat *dir);

/* file_missed.c */
/* Reads what rotated after o, which is pending until that is settled. */
void rest_missed(struct tail *o);
bool file_generation(const char *base, const char *name, int64_t *ret);
/* From which its generations are counted; t->real may be the name of one of them by now. */
const char *file_log_name(const struct tail *t);
/* log is t's path; or t's path, which the globs match as well, is the name of a generation of log.
 */
bool file_is_of(const struct tail *t, const char *log);

/* file_check.c */
/* Calls each for what a pattern matches, but for what is excluded or compressed; named: the pattern
 * is a path itself. false: nothing matches. */
bool file_matches(const struct file_conf *cf, const char *pattern,
		  void (*each)(void *arg, const char *path, bool named), void *arg);
/* Would file_matches name the path for one of the patterns, were it there? */
bool file_named(const struct file_conf *cf, const char *path);
/* true: it is no file; *err says what it is and what helps. */
bool file_is_odd(const char *path, const struct stat *st, bool named, struct err *err);
/* As struct input_class has them. */
int file_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg);
void file_names(const void *conf,
		void (*each)(void *arg, const char *pattern, const char *path,
			     const struct stat *st),
		void *arg);

/* file_carry.c: as struct input_class has them. */
bool file_reads(const void *conf, struct slice rest, struct slice value);
bool file_same(struct slice a, struct slice b);

/* file_scan.c */
void files_scan(struct files *fs);
void files_unwatch(struct files *fs);

#endif
