/* SPDX-License-Identifier: EUPL-1.2 */
/* Whose rights a command has that root runs on the daemon's folder. Each case is a child process.
 */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/service.h"

#define NOBODY 65534u

/* What the child found: each is an exit code of its own. */
enum { GOOD = 0, REFUSED, STILL_ROOT, WRONG_GROUPS, CAME_BACK, MAY_TOO_MUCH };

static int look(const char *dir)
{
	struct err err = { 0 };
	gid_t groups[64];
	char cmd[64] = "";
	unsigned long caps = 0;
	FILE *f;

	if (service_become_owner(dir, &err) < 0)
		return REFUSED;
	if (getuid() != NOBODY || geteuid() != NOBODY)
		return STILL_ROOT;
	if (getgid() == 0 || getegid() == 0)
		return WRONG_GROUPS;
	for (int i = getgroups(64, groups) - 1; i >= 0; i--)
		if (groups[i] == 0)
			return WRONG_GROUPS;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return CAME_BACK;
	/* Of the capabilities at most CAP_NET_BIND_SERVICE (10) is left: see capabilities(7). */
	f = fopen("/proc/self/status", "r");
	while (f != NULL && fgets(cmd, sizeof(cmd), f) != NULL)
		if (sscanf(cmd, "CapPrm: %lx", &caps) == 1 && (caps & ~(1ul << 10)) != 0)
			return MAY_TOO_MUCH;
	if (f == NULL)
		return MAY_TOO_MUCH;
	fclose(f);
	return GOOD;
}

static int in_child(const char *dir, int (*work)(const char *dir))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(work(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int unchanged(const char *dir)
{
	struct err err = { 0 };
	uid_t before = geteuid();

	return service_become_owner(dir, &err) == 0 && geteuid() == before ? GOOD : REFUSED;
}

static void test_becomes_the_owner(void **state)
{
	char dir[] = "/tmp/vartio-service-XXXXXX";

	if (geteuid() != 0) { /* nobody but root can become another */
		assert_int_equal(in_child("/", unchanged), GOOD);
		return;
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
	assert_int_equal(in_child(dir, look), GOOD);
	assert_int_equal(rmdir(dir), 0);
}

static void test_stays_who_it_is(void **state)
{
	assert_int_equal(in_child("/", unchanged), GOOD);
	assert_int_equal(in_child("/does/not/exist", unchanged), GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_becomes_the_owner),
		cmocka_unit_test(test_stays_who_it_is),
	};

	return RUN_TESTS(tests);
}
