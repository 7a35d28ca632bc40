/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/check.c: `vartio-agent check`: reads the configuration, looks whose the spool's folders are
 * and tries every right that the inputs will need, without starting anything or opening the spool.
 * One line a fault, with what repairs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/doubles.h"
#include "agent/options.h"
#include "agent/spool/spool.h"
#include "common/base/service.h"
#include "common/net/tls.h"

struct faults {
	const char *id;
	unsigned n;
};

static void say(void *arg, const struct err *err)
{
	struct faults *fs = arg;

	fs->n++;
	printf("%s: %s\n", fs->id, err->msg);
}

static void say_of(void *arg, const char *id, const struct err *err)
{
	struct faults *fs = arg;

	fs->id = id;
	say(fs, err);
}

static void check_credentials(struct config *cf, struct faults *fs)
{
	struct tls_creds *cr = NULL;
	struct err err = { 0 };

	fs->id = "certificate";
	if (access(config_key_path(cf), F_OK) < 0 && errno == ENOENT) {
		err_set(&err, ERR_ABSENT,
			"this agent is not enrolled: no key at %s; ask your region for a token "
			"and run vartio-agent enrol -",
			config_key_path(cf));
		say(fs, &err);
	} else if (tls_creds_load(config_ca_path(cf), config_cert_path(cf), config_key_path(cf),
				  &cr, &err) < 0) {
		say(fs, &err);
	}
	tls_creds_unref(cr);
	if (cf->collector.addresses.n == 0) {
		fs->id = "collector.addresses";
		err_set(&err, ERR_ABSENT, "no collector is named; enrolling names it");
		say(fs, &err);
	}
}

static void check_spool(struct config *cf, struct faults *fs)
{
	struct buf dir = { 0 };

	fs->id = "spool";
	buf_printf(&dir, "%s/spool", cf->state_dir);
	if (!dir.failed)
		spool_check(buf_cstr(&dir), say, fs);
	buf_release(&dir);
}

int agent_check(int argc, char **argv)
{
	struct faults fs = { 0 };
	struct config cf = { 0 };
	struct err err;
	int code = options_config(&argc, argv, "check", &cf);

	if (code != 0)
		return code;
	/* What root may read says nothing of what the daemon may. */
	if (service_become_owner(cf.state_dir, &err) < 0) {
		fs.id = "state_dir";
		say(&fs, &err);
	}
	check_credentials(&cf, &fs);
	if (access(cf.state_dir, R_OK | W_OK | X_OK) < 0) {
		fs.id = "state_dir";
		err_set(&err, ERR_DENIED, "cannot use %s: %s", cf.state_dir, strerror(errno));
		say(&fs, &err);
	} else {
		check_spool(&cf, &fs);
	}
	for (size_t i = 0; i < cf.n_inputs; i++) {
		fs.id = cf.inputs[i].id;
		if (cf.inputs[i].cls->check != NULL)
			cf.inputs[i].cls->check(cf.inputs[i].conf, say, &fs);
	}
	if (doubles_find(&cf, DOUBLES_ALL, say_of, &fs, &err) < 0)
		say_of(&fs, "inputs", &err);
	if (fs.n == 0)
		printf("%s: good; %zu inputs, %zu collectors\n", cf.path, cf.n_inputs,
		       cf.collector.addresses.n);
	config_release(&cf);
	return fs.n > 0 ? 1 : 0;
}
