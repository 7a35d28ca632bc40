/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/i18n.h: texts for people in the three languages. One process writes to people in all
 * of them at once, which libintl can't do; so the gettext catalogues in po/ become one sorted table
 * at build time (po/mktable.py), and the language is an argument.
 * Texts are written in English in the code, marked tr(lang, "...") or N_("..."); what changes
 * inside a text is a {name}, never a printf directive. po/check.py sees that nothing lacks a
 * translation. Threads: any; the table is constant. */
#ifndef VARTIO_BASE_I18N_H
#define VARTIO_BASE_I18N_H

#include <stddef.h>

enum lang { LANG_FI, LANG_SV, LANG_EN, LANGS };
extern const char *const lang_names[LANGS + 1]; /* "fi", "sv", "en", NULL */

#define N_(msgid) (msgid) /* marks a text that tr() gets later */

/* The text in that language; msgid itself where the catalogues do not have it. Static memory. */
const char *tr(enum lang lang, const char *msgid);

struct i18n_row { /* the generated table, sorted by msgid bytewise */
	const char *msgid;
	const char *text[LANGS];
};
extern const struct i18n_row i18n_rows[];
extern const size_t i18n_n_rows;

#endif
