/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/oracle.h: what Sigma rules mean, evaluated the slow and obvious way, to hold the
 * engine against. It reads the same rule text (libyaml's documents) and the same event text, and
 * shares no code with collector/detect: own escapes, wildcards, case folding (the C library's),
 * encodings, conditions and log sources. Valid rules and events only; anything else ends the
 * program, as does a lack of memory. Standard: Sigma specification 2.1.0; where it is silent, the
 * headers of collector/detect and the heads of rules/logsources.yml and rules/fieldmap.yml. */
#ifndef VARTIO_FUZZ_ORACLE_H
#define VARTIO_FUZZ_ORACLE_H

#include "common/base/buf.h"

/* UNSURE: a regular expression ran past its limit, and two engines may disagree about that. */
enum verdict { NO, YES, UNSURE };

/* -- oracle_event.c: an event as the list of its values, in document order -------------------- */
struct leaf {
	char *path; /* dotted */
	char *p;    /* the text; numbers, true and false as written */
	size_t n;
	bool nothing; /* null, or an empty object or array: there, and no value */
};
struct leaves {
	struct leaf *v;
	size_t n;
};
void leaves_read(struct leaves *ret, struct slice json);
void leaves_release(struct leaves *ls);
void without_blanks(char *path); /* in the data of a Windows event names have none */

/* -- oracle_text.c: strings as characters, each a number -------------------------------------- */
enum { ANY_RUN = 0x110000, ANY_ONE, LONE_BYTE }; /* "*", "?", LONE_BYTE + b: not UTF-8 */
struct chars {
	uint32_t *c;
	size_t n;
};
struct chars chars_of(struct slice text);       /* as it is */
struct chars chars_of_value(struct slice text); /* with Sigma's wildcards and escapes */
void chars_release(struct chars *s);
bool chars_fit(struct chars pattern, struct chars text, bool cased); /* the whole text */
bool is_word(uint32_t c);
/* One encoding by its modifier's name (base64, base64offset with offset 0..2, utf16le, wide,
 * utf16be, utf16). */
struct chars chars_encode(struct chars in, const char *how, unsigned offset);
void chars_put(struct buf *out, struct chars s);

/* -- oracle_value.c: one value of a rule against one value of an event ------------------------ */
#define MODS_MAX 16
struct item { /* "name|mod|mod" */
	char name[128];
	char mods[MODS_MAX][16];
	unsigned n_mods;
};
bool item_has(const struct item *it, const char *mod);
enum verdict value_fits(const struct item *it, struct slice wanted, struct slice found);
bool reference_fits(const struct item *it, struct slice other, struct slice found); /* fieldref */

/* -- oracle.c: rules -------------------------------------------------------------------------- */
struct oracle;
struct oracle *oracle_new(const char *logsources_path, const char *fieldmap_path);
void oracle_free(struct oracle *o);
size_t oracle_load(struct oracle *o, struct slice yaml); /* in place of the last; how many rules */
size_t oracle_add(struct oracle *o, struct slice yaml);  /* besides those before; the same */
bool oracle_applies(struct oracle *o, size_t rule, const struct leaves *event); /* its log source */
enum verdict oracle_ask(struct oracle *o, size_t rule, const struct leaves *event);

void *need(void *p); /* ends the program without memory */

#endif
