/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/i18n.h"

#include <stdlib.h>
#include <string.h>

const char *const lang_names[LANGS + 1] = { "fi", "sv", "en", NULL };

static int by_msgid(const void *key, const void *row)
{
	return strcmp(key, ((const struct i18n_row *)row)->msgid);
}

const char *tr(enum lang lang, const char *msgid)
{
	const struct i18n_row *row =
		bsearch(msgid, i18n_rows, i18n_n_rows, sizeof(i18n_rows[0]), by_msgid);

	return row != NULL ? row->text[lang] : msgid;
}
