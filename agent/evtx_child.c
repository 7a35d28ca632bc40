/* SPDX-License-Identifier: EUPL-1.2 */
/* The child that reads an EVTX file. It trusts nothing in the file, and nobody trusts it. */
#include "agent/evtx.h"

#include <dlfcn.h>
#include <errno.h>
#include <libbfio.h>
#include <libevtx.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_BYTES   4096u
#define CHUNK_BYTES  65536u
#define MEMORY_BYTES (512u * 1024 * 1024) /* besides the file */

/* Linked, they would cost the agent half a megabyte that it never needs. */
#define EVTX_FUNCTIONS(F)                                                                          \
	F(libevtx_error_sprint)                                                                    \
	F(libevtx_get_version)                                                                     \
	F(libevtx_file_initialize)                                                                 \
	F(libevtx_file_open_file_io_handle)                                                        \
	F(libevtx_file_is_corrupted)                                                               \
	F(libevtx_file_get_number_of_records)                                                      \
	F(libevtx_file_get_record_by_index)                                                        \
	F(libevtx_file_get_number_of_recovered_records)                                            \
	F(libevtx_file_get_recovered_record_by_index)                                              \
	F(libevtx_record_free)                                                                     \
	F(libevtx_record_get_identifier)                                                           \
	F(libevtx_record_get_utf8_xml_string_size)                                                 \
	F(libevtx_record_get_utf8_xml_string)
#define BFIO_FUNCTIONS(F)                                                                          \
	F(libbfio_memory_range_initialize)                                                         \
	F(libbfio_memory_range_set)

static struct library {
#define DECLARE(name) __typeof__(&name) name;
	EVTX_FUNCTIONS(DECLARE)
	BFIO_FUNCTIONS(DECLARE)
#undef DECLARE
} lib;

int evtx_load(struct err *err)
{
	void *evtx = dlopen("libevtx.so.1", RTLD_NOW | RTLD_LOCAL);
	void *bfio = dlopen("libbfio.so.1", RTLD_NOW | RTLD_LOCAL), *found;

	if (evtx == NULL || bfio == NULL)
		return err_set(
			err, ERR_ABSENT,
			"an EVTX file needs libevtx.so.1, which is not here: apt-get install "
			"libevtx1");
#define FIND(name)                                                                                 \
	found = dlsym(so, #name);                                                                  \
	memcpy(&lib.name, &found, sizeof(found)); /* POSIX: of one size, whatever C says */        \
	if (found == NULL)                                                                         \
		return err_set(err, ERR_ABSENT, "libevtx has no %s: it is too old", #name);
	void *so = evtx;
	EVTX_FUNCTIONS(FIND)
	so = bfio;
	BFIO_FUNCTIONS(FIND)
#undef FIND
	return 0;
}

struct child {
	int out;
	bool old;
	struct slice log;
	libevtx_file_t *file;
	libevtx_error_t *error;
	struct buf xml;
};

static void put(struct child *c, enum evtx_kind kind, uint64_t number, struct slice text)
{
	struct evtx_frame fr = { number, (uint32_t)text.n, kind };
	const struct slice parts[] = { { (const char *)&fr, sizeof(fr) }, text };

	for (size_t i = 0; i < 2; i++) {
		struct slice rest = parts[i];

		while (rest.n > 0) {
			ssize_t n = write(c->out, rest.p, rest.n);

			if (n < 0 && errno != EINTR)
				_exit(1); /* the parent has had enough */
			rest = slice_from(rest, n > 0 ? (size_t)n : 0);
		}
	}
}

/* The first line of the library's error; the error is done with. */
static struct slice reason(struct child *c, char *text, size_t size)
{
	int n = c->error != NULL ? lib.libevtx_error_sprint(c->error, text, size) : 0;
	struct slice s = { text, n > 0 ? strnlen(text, size) : 0 };
	ssize_t end = slice_chr(s, '\n');

	c->error = NULL; /* not freed: the child does not live long */
	if (end >= 0)
		s.n = (size_t)end;
	return s.n > 0 ? s : SLICE("the library does not say why");
}

static _Noreturn void fail(struct child *c, const char *what)
{
	char text[512], whole[640];
	struct slice why = reason(c, text, sizeof(text));
	struct buf b = { .p = whole, .cap = sizeof(whole) };

	buf_str(&b, what);
	buf_slice(&b, why);
	put(c, EVTX_FAILED, 0, buf_view(&b));
	_exit(1);
}

static void record(struct child *c, enum evtx_kind kind, int index)
{
	libevtx_record_t *rec = NULL;
	char text[512];
	uint64_t number = 0;
	size_t n = 0;
	int r;

	if (kind == EVTX_WHOLE)
		r = lib.libevtx_file_get_record_by_index(c->file, index, &rec, &c->error);
	else
		r = lib.libevtx_file_get_recovered_record_by_index(c->file, index, &rec, &c->error);
	if (r == 1)
		lib.libevtx_record_get_identifier(rec, &number, NULL);
	if (r == 1)
		r = lib.libevtx_record_get_utf8_xml_string_size(rec, &n, &c->error);
	buf_reset(&c->xml);
	if (r == 1 && (n == 0 || n > EVTX_RECORD_MAX || buf_reserve(&c->xml, n) < 0))
		r = 0;
	if (r == 1)
		r = lib.libevtx_record_get_utf8_xml_string(rec, (uint8_t *)c->xml.p, n, &c->error);
	if (r == 1) {
		c->xml.n = strnlen(c->xml.p, n);
		evtx_mend(&c->xml, c->old);
		put(c, kind, number, buf_view(&c->xml));
	} else {
		put(c, EVTX_UNREADABLE, number, reason(c, text, sizeof(text)));
	}
	if (rec != NULL)
		lib.libevtx_record_free(&rec, NULL);
}

/* How many records the chunks say that they have: the library does not miss those behind one whose
 * length is wrong. */
static uint64_t promised(struct slice log)
{
	uint64_t sum = 0;

	for (size_t at = HEAD_BYTES; at + CHUNK_BYTES <= log.n; at += CHUNK_BYTES) {
		uint64_t first, last;

		memcpy(&first, log.p + at + 8, sizeof(first));
		memcpy(&last, log.p + at + 16, sizeof(last));
		if (memcmp(log.p + at, "ElfChnk", 8) == 0 && last - first < CHUNK_BYTES)
			sum += last - first + 1;
	}
	return sum;
}

static void records(struct child *c)
{
	int n = 0;
	bool corrupted;

	if (lib.libevtx_file_get_number_of_records(c->file, &n, &c->error) != 1)
		fail(c, "the log's records cannot be counted: ");
	for (int i = 0; i < n; i++)
		record(c, EVTX_WHOLE, i);
	corrupted =
		lib.libevtx_file_is_corrupted(c->file, NULL) != 0 || (uint64_t)n < promised(c->log);
	/* In a whole log these are records that Windows has written over since, in part. */
	if (corrupted &&
	    lib.libevtx_file_get_number_of_recovered_records(c->file, &n, &c->error) == 1)
		for (int i = 0; i < n; i++)
			record(c, EVTX_RECOVERED, i);
	put(c, corrupted ? EVTX_DAMAGED : EVTX_GOOD, 0, SLICE(""));
}

/* Memory, the pipe, and the end. Anything else ends the process. */
static bool give_up_the_rest(void)
{
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ALLOW(call)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),                                           \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_brk),
		ALLOW(SYS_mmap),
		ALLOW(SYS_munmap),
		ALLOW(SYS_mremap),
		ALLOW(SYS_madvise),
		ALLOW(SYS_futex),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	static const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
#else
	return true; /* sanitizers need more; other machines number their calls otherwise */
#endif
}

static void bound(size_t file_bytes)
{
	struct rlimit core = { 0, 0 },
		      memory = { file_bytes + MEMORY_BYTES, file_bytes + MEMORY_BYTES };

	setrlimit(RLIMIT_CORE, &core);
#ifndef __SANITIZE_ADDRESS__ /* which maps terabytes */
	setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
}

_Noreturn void evtx_child(int fd, int out)
{
	struct child c = { .out = out, .old = strcmp(lib.libevtx_get_version(), "20181227") == 0 };
	libbfio_handle_t *handle = NULL;
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 ||
	    (p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		fail(&c, "the log cannot be mapped into memory: ");
	c.log = (struct slice){ (const char *)p, (size_t)st.st_size };
	bound(c.log.n);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !give_up_the_rest())
		fail(&c, "the log's reader cannot be shut in: ");
	if (lib.libbfio_memory_range_initialize(&handle, (libbfio_error_t **)&c.error) != 1 ||
	    lib.libbfio_memory_range_set(handle, p, (size_t)st.st_size,
					 (libbfio_error_t **)&c.error) != 1 ||
	    lib.libevtx_file_initialize(&c.file, &c.error) != 1 ||
	    lib.libevtx_file_open_file_io_handle(c.file, handle, LIBEVTX_OPEN_READ, &c.error) != 1)
		fail(&c, "the log cannot be read: ");
	records(&c);
	_exit(0);
}
