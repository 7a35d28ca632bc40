/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/contacts.c: whom an alert is told to. Every text here ends up in a mail's header
 * or text, so what cannot stand there is refused at the door. */
#include "collector/tenant/registry_impl.h"

#include "common/base/text.h"

static int check(const struct contact *c, struct err *err)
{
	if (!text_is_name(slice_str(c->name), CONTACT_NAME_MAX))
		return err_set(err, ERR_SYNTAX,
			       "a contact's name is one line of at most %u bytes without control "
			       "characters",
			       CONTACT_NAME_MAX);
	if (!text_is_email(slice_str(c->email)))
		return err_set(err, ERR_SYNTAX,
			       "expected one e-mail address, such as maija@mallila.example");
	if (c->phone != NULL && *c->phone != '\0' &&
	    (!text_is_name(slice_str(c->phone), CONTACT_TEXT_MAX) ||
	     c->phone[strspn(c->phone, "+0123456789 -()/")] != '\0'))
		return err_set(err, ERR_SYNTAX,
			       "expected a telephone number, such as +358 40 123 4567");
	if (c->role != NULL && *c->role != '\0' &&
	    !text_is_name(slice_str(c->role), CONTACT_TEXT_MAX))
		return err_set(err, ERR_SYNTAX,
			       "a role is one line of at most %u bytes without control characters",
			       CONTACT_TEXT_MAX);
	return 0;
}

int contact_add(struct registry *rg, const struct contact *c, int64_t *ret_id, struct err *err)
{
	struct err why = { 0 };

	if (check(c, err) < 0 || tenant_exists(rg, c->tenant, err) < 0)
		return -1;
	if (db_run(rg->db, &why,
		   "INSERT INTO contact(tenant, name, email, phone, role, lang, ord)"
		   " VALUES (?, ?, ?, ?, ?, ?, ?)",
		   "tttttii", c->tenant, c->name, c->email, c->phone != NULL ? c->phone : "",
		   c->role != NULL ? c->role : "", (int64_t)c->lang, c->order) < 0) {
		if (why.code == ERR_EXISTS)
			return err_set(err, ERR_EXISTS, "tenant %s has a contact %s already",
				       c->tenant, c->email);
		if (err != NULL)
			*err = why;
		return -1;
	}
	*ret_id = sqlite3_last_insert_rowid(rg->db);
	return 0;
}

int contact_list(struct registry *rg, const char *tenant,
		 int (*each)(void *arg, const struct contact *c), void *arg, struct err *err)
{
	return contact_list_db(rg->db, tenant, each, arg, err);
}

int contact_list_db(sqlite3 *db, const char *tenant,
		    int (*each)(void *arg, const struct contact *c), void *arg, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT c.id, c.tenant, c.name, c.email, c.phone, c.role, c.lang, c.ord,"
			 " t.name FROM contact c JOIN tenant t ON t.id = c.tenant"
			 " WHERE ?1 IS NULL OR c.tenant = ?1 ORDER BY c.tenant, c.ord, c.id",
			 "t", tenant);

	while (r == 0 && (r = db_next(db, st, err)) == 1) {
		int64_t lang = sqlite3_column_int64(st, 6);
		const struct contact c = {
			.id = sqlite3_column_int64(st, 0),
			.tenant = db_text(st, 1),
			.name = db_text(st, 2),
			.email = db_text(st, 3),
			.phone = db_text(st, 4),
			.role = db_text(st, 5),
			.lang = lang >= 0 && lang < LANGS ? (enum lang)lang : LANG_EN,
			.order = sqlite3_column_int64(st, 7),
			.tenant_name = db_text(st, 8),
		};

		r = each(arg, &c) != 0 ? 2 : 0;
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}
