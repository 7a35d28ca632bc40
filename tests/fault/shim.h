/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fault/shim.h: a disk and a clock that fail on demand, between a daemon and the C library
 * (LD_PRELOAD). tests/fault/shim.py is its other end.
 * Environment: VARTIO_SHIM_ROOT    the folder whose files are watched, absolute, without links;
 *              VARTIO_SHIM_SHADOW  where what is durable is kept, outside the root, same file
 * system; VARTIO_SHIM_CONTROL a file of CTL_SIZE bytes, mapped: what to do, and what was done.
 * Without VARTIO_SHIM_ROOT only the clock is watched.
 * What is durable: a file's bytes and length as of its last fsync or fdatasync, a folder's names as
 * of its own last fsync. Nothing is: what was only written, renamed, made or removed. Mapped memory
 * is not watched (SQLite maps its -shm, which it rebuilds). No real sync is made. */
#ifndef VARTIO_TESTS_SHIM_H
#define VARTIO_TESTS_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Words of 64 bits at the beginning of the control file; all zero: nothing fails. shim.py names
 * them in the same order. */
enum ctl {
	CTL_READ_FAILS,  /* the Nth read from now on says EIO; it counts down, and stays at 1 */
	CTL_WRITE_FAILS, /* while CTL_STICKY is set, else it goes on to 0 */
	CTL_SYNC_FAILS,  /* a failed sync forgets what was written since the last good one */
	CTL_STICKY,
	CTL_FULL,       /* 1: what makes a file larger says ENOSPC, 2: every write does */
	CTL_FULL_AFTER, /* bytes that still fit when CTL_FULL is set */
	CTL_SHORT,      /* no write takes more bytes than this */
	CTL_SYNC_MS,    /* a sync takes so long */
	CTL_CLOCK_NS,   /* added to CLOCK_REALTIME (signed) */
	CTL_DID_EIO,    /* from here on: how often each was done */
	CTL_DID_FULL,
	CTL_DID_SHORT,
	CTL_DID_SYNC, /* syncs of files that succeeded */
	CTL_DID_DIR_SYNC,
	CTL_WORDS
};
#define CTL_PATH                                                                                   \
	2048u /* a text up to a NUL: reads, writes and syncs fail in paths that hold it            \
	       */
#define CTL_SIZE 4096u

/* shim_shadow.c; each tells -1 with errno, and is called with the file's own descriptor. */
int shadow_init(const char *root, const char *shadow); /* a new shadow: all there is is durable */
void shadow_made(int fd); /* a file was made: its inode's number is used anew */
void shadow_dirty(dev_t dev, ino_t ino, uint64_t from, uint64_t to);
int shadow_sync_file(int fd, const struct stat *st);
int shadow_sync_dir(int fd, const struct stat *st);
/* A sync failed: the file's bytes written since the last good one are as they were before. */
int shadow_forget(int fd, const struct stat *st);

#endif
