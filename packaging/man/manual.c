/* SPDX-License-Identifier: EUPL-1.2 */
/* packaging/man/manual.c: writes a manual page: the text of a template, with the settings that the
 * program's own tables know in place of its SETTINGS line. Run by the build. */
#include <stdio.h>
#include <string.h>

#include "common/base/conf.h"

extern const struct conf_item config_items[]; /* the program's, by linking */
#ifdef MANUAL_INPUTS
#include "agent/inputs/input.h"
#endif

/* Bytes that mean something to roff: a backslash, a dash in a name, a dot or quote at a line's
 * start. */
static void put(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static const char *kind(enum conf_type type)
{
	static const char *const names[] = {
		[CONF_STR] = "text",   [CONF_BOOL] = "yes or no",    [CONF_INT] = "number",
		[CONF_BYTES] = "size", [CONF_DURATION] = "duration", [CONF_ENUM] = "one of",
		[CONF_STRS] = "list",  [CONF_SUB] = "group",         [CONF_RAW] = "list",
	};

	return names[type];
}

static void put_items(const struct conf_item *items, const char *prefix)
{
	char name[128];

	for (const struct conf_item *it = items; it->name != NULL; it++) {
		snprintf(name, sizeof(name), "%s%s", prefix, it->name);
		if (it->type == CONF_SUB) {
			strncat(name, ".", sizeof(name) - strlen(name) - 1);
			put_items(it->sub, name);
			continue;
		}
		fputs(".TP\n.B ", stdout);
		put(name);
		printf("\n%s", kind(it->type));
		for (const char *const *n = it->names; it->type == CONF_ENUM && *n != NULL; n++) {
			fputs(n == it->names ? " " : ", ", stdout);
			put(*n);
		}
		if (it->fallback != NULL && it->fallback[0] != '\0') {
			fputs("; default ", stdout);
			put(it->fallback);
		}
		puts(".");
		if (it->help != NULL) {
			put(it->help);
			puts(".");
		}
	}
}

static void put_settings(void)
{
	put_items(config_items, "");
#ifdef MANUAL_INPUTS
	for (size_t i = 0; input_classes[i] != NULL; i++) {
		fputs(".SS Inputs of type ", stdout);
		put(input_classes[i]->name);
		puts("");
		put_items(input_classes[i]->conf, "");
	}
#endif
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	char line[1024];

	if (in == NULL) {
		fputs("usage: manual TEMPLATE\n", stderr);
		return 2;
	}
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strcmp(line, "SETTINGS\n") == 0)
			put_settings();
		else
			fputs(line, stdout);
	}
	fclose(in);
	return ferror(stdout) != 0;
}
