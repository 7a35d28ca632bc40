/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/file.h: small whole-file work, done right once. Blocking: start-up and commands only.
 */
#ifndef VARTIO_BASE_FILE_H
#define VARTIO_BASE_FILE_H

#include "common/base/buf.h"

/* Appends the whole file to out. ERR_ABSENT, ERR_DENIED, ERR_IO; ERR_FULL past max bytes. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* The same in two steps: flags are beside O_RDONLY and O_CLOEXEC; a descriptor (yours), or -1. The
 * path of what is read is for the message. */
int file_open_to_read(const char *path, int flags, struct err *err);
int file_read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *err);
/* Replaces the file so that a crash leaves the old or the new one: temporary name, fsync, rename,
 * fsync of the folder. mode as in open(2), not weakened by the umask. */
int file_write(const char *path, struct slice content, unsigned mode, struct err *err);
/* Makes the folder and its missing parents; an existing one is fine. mode is the last folder's. */
int dir_make(const char *path, unsigned mode, struct err *err);
/* Is that a folder, ours, and closed to others? What is in it is personal data. ERR_ABSENT;
 * ERR_DENIED owner or mode, and ERR_USAGE no folder, or a link that leads nowhere: the message says
 * what helps. */
int dir_private(const char *path, struct err *err);
int dir_sync(const char *path, struct err *err); /* makes names in the folder durable */
/* All n bytes at offset, over short writes and EINTR. -1 with errno. */
int pwrite_all(int fd, const void *p, size_t n, off_t at);
/* Up to n bytes at offset, over short reads. Bytes read (short only at the end of file), or -1. */
ssize_t pread_all(int fd, void *p, size_t n, off_t at);

#endif
