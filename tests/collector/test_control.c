/* SPDX-License-Identifier: EUPL-1.2 */
/* The control socket: a daemon's end and a command's, both real, and who gets the lock. */
#include "tests/collector/tenant_kit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "collector/control.h"
#include "collector/control_wire.h"
#include "common/base/file.h"
#include "common/base/log.h"

static char dir[200];
static struct config conf;
static struct control *control;
static int commands_run;

static void on_command(void *arg)
{
	++*(int *)arg;
}

static void start(void)
{
	struct err err = { 0 };

	if (control_start(&conf, on_command, &commands_run, &control, &err) < 0)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/vartio-control-XXXXXX");
	assert_non_null(mkdtemp(dir));
	conf = (struct config){ .state_dir = dir,
				.agents = { .address = "127.0.0.1", .enrol_port = 5043 } };
	commands_run = 0;
	control = NULL;
	return 0;
}

static int tear_down(void **state)
{
	control_stop(control);
	kit_remove(dir);
	return 0;
}

static int ask(const char *const *words, const struct cmd_file *file, int *ret_exit,
	       struct buf *out, struct buf *errors, struct err *err)
{
	char *argv[12] = { NULL };
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	buf_reset(out);
	buf_reset(errors);
	return control_ask(conf.state_dir, argc, argv, file, ret_exit, out, errors, err);
}

static const struct {
	const char *words[12];
	int code;
	const char *out, *err; /* NULL: nothing */
} asks[] = {
	{ { "tenant", "add", "mallila", "--name", "M\xc3\xa4llila \"kunta\"" }, 0, "added", NULL },
	{ { "tenant", "list" }, 0, "M\xc3\xa4llila \"kunta\"", NULL },
	{ { "tenant", "add", "mallila", "--name", "x" }, 1, NULL, "already" },
	{ { "tenant", "add" }, 2, NULL, "usage: " },
	{ { "token", "create", "--tenant", "mallila" }, 0, "vt1_", "within 24 hours" },
	{ { "agent", "certify", "--tenant", "mallila", "--csr", "f" },
	  0,
	  "-----BEGIN CERTIFICATE",
	  "sender-" },
	{ { "bogus" }, 2, NULL, "does not know this command" },
};

static void test_commands(void **state)
{
	struct buf out = { 0 }, errors = { 0 }, csr = { 0 };
	struct cmd_file file;
	struct err err = { 0 };
	struct stat st;
	char path[256];
	int code = -1;

	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	file = (struct cmd_file){ "csr", buf_view(&csr) };
	start();
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		bool has_file = i == 5;

		if (ask(asks[i].words, has_file ? &file : NULL, &code, &out, &errors, &err) != 1)
			fail_msg("row %zu: %s", i, err.msg);
		if (code != asks[i].code ||
		    (asks[i].out == NULL ? out.n > 0
					 : strstr(buf_cstr(&out), asks[i].out) == NULL) ||
		    (asks[i].err == NULL ? errors.n > 0
					 : strstr(buf_cstr(&errors), asks[i].err) == NULL))
			fail_msg("row %zu: %d\n%s\n%s", i, code, buf_cstr(&out), buf_cstr(&errors));
	}
	assert_int_equal(commands_run, 6); /* not for the one that is none */
	/* What is not text is refused before it travels. */
	assert_int_equal(ask((const char *const[]){ "tenant", "add", "\xff", NULL }, NULL, &code,
			     &out, &errors, &err),
			 -1);
	assert_int_equal(err.code, ERR_USAGE);
	control_stop(control);
	control = NULL;
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 0);
	buf_release(&out);
	buf_release(&errors);
	buf_release(&csr);
}

static int connect_raw(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/control.sock", dir);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static const struct {
	struct slice bytes;
	bool answered;
} frames[] = {
	{ { "\xff\xff\xff\xff", 4 }, false },   /* longer than a request may be */
	{ { "\x00\x00", 2 }, false },           /* hangs up in the length */
	{ { "\x00\x00\x00\x05{}", 6 }, false }, /* hangs up in the text */
	{ { "\x00\x00\x00\x00", 4 }, true },
	{ { "\x00\x00\x00\x02{}", 6 }, true },
	{ { "\x00\x00\x00\x0b{\"argv\":[]}", 15 }, true },
	{ { "\x00\x00\x00\x0c{\"argv\":[1]}", 16 }, true },
	{ { "\x00\x00\x00\x04\xff\xfe\xfd\xfc", 8 }, true },
};

static void test_garbage(void **state)
{
	struct buf in = { 0 }, out = { 0 }, errors = { 0 };
	struct err err;
	int code = -1;

	start();
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		int fd = connect_raw(), r;

		assert_int_equal(write(fd, frames[i].bytes.p, frames[i].bytes.n),
				 frames[i].bytes.n);
		shutdown(fd, SHUT_WR);
		r = wire_receive(fd, CONTROL_REPLY_MAX, 60000, -1, &in, &err);
		if ((r == 0) != frames[i].answered)
			fail_msg("row %zu: %s", i, r == 0 ? "answered" : err.msg);
		if (r == 0)
			assert_non_null(strstr(buf_cstr(&in), "\"exit\":2"));
		close(fd);
	}
	assert_int_equal(commands_run, 0);
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 1); /* it goes on */
	assert_int_equal(code, 0);
	buf_release(&in);
	buf_release(&out);
	buf_release(&errors);
}

/* A caller that says nothing does not keep the daemon from stopping. */
static void test_silent_caller(void **state)
{
	int fd;

	start();
	fd = connect_raw();
	control_stop(control);
	control = NULL;
	close(fd);
}

static void test_stale_socket(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct buf out = { 0 }, errors = { 0 };
	struct err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), code = -1;

	snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/control.sock", dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	close(fd); /* the name stays, as after kill -9 */
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 0);
	start();
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 1);
	buf_release(&out);
	buf_release(&errors);
}

/* Longer than a socket's address can say (108 bytes). */
static void test_deep_folder(void **state)
{
	struct buf out = { 0 }, errors = { 0 };
	struct err err = { 0 };
	char deep[256];
	int code = -1;

	snprintf(deep, sizeof(deep), "%.80s/%0120d", dir, 0);
	assert_int_equal(dir_make(deep, 0700, &err), 0);
	conf.state_dir = deep;
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 0);
	start();
	assert_int_equal(ask(asks[1].words, NULL, &code, &out, &errors, &err), 1);
	assert_int_equal(code, 0);
	control_stop(control);
	control = NULL;
	buf_release(&out);
	buf_release(&errors);
}

/* Whether another process gets the lock: its exit code is the error's. */
static int other_process(void)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err = { 0 };

		state_unlock(); /* closes the child's copy; the parent's keeps the lock */
		_exit(state_lock(dir, 0, &err) == 0 ? 0 : (int)err.code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_lock(void **state)
{
	struct err err = { 0 };

	assert_int_equal(other_process(), 0);
	assert_int_equal(state_lock(dir, 0, &err), 0);
	assert_int_equal(state_lock(dir, 0, &err), 0); /* ours already */
	assert_int_equal(other_process(), ERR_BUSY);
	start(); /* under the lock we have */
	control_stop(control);
	control = NULL;
	assert_int_equal(other_process(), ERR_BUSY);
	state_unlock();
	assert_int_equal(other_process(), 0);
	start(); /* takes it */
	assert_int_equal(other_process(), ERR_BUSY);
	control_stop(control);
	control = NULL;
	assert_int_equal(other_process(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent_caller, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deep_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
	};

	log_init("test_control", LOG_LEVEL_ERROR);
	return RUN_TESTS(tests);
}
