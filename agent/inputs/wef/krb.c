/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/krb.h"

#include <dlfcn.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/store/le.h"

#define LIBRARY "libgssapi_krb5.so.2"
#define CLOCKS  "; the two clocks differ by more than 5 minutes: set both by the domain's time"
#define NO_KEY                                                                                     \
	"; the keytab has no key for the name that was asked for, or an older one than the "       \
	"domain: make it anew, vartio-agent wef setup tells how"
#define NEEDED (GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG)

/* The functions used, by the types that the library's own header gives them. */
#define FUNCTIONS(F)                                                                               \
	F(gss_acquire_cred_from)                                                                   \
	F(gss_accept_sec_context)                                                                  \
	F(gss_delete_sec_context)                                                                  \
	F(gss_display_name)                                                                        \
	F(gss_display_status)                                                                      \
	F(gss_context_time)                                                                        \
	F(gss_release_buffer)                                                                      \
	F(gss_release_cred)                                                                        \
	F(gss_release_name)                                                                        \
	F(gss_release_iov_buffer)                                                                  \
	F(gss_unwrap_iov)                                                                          \
	F(gss_wrap_iov)

static struct library {
#define DECLARE(name) __typeof__(&name) name;
	FUNCTIONS(DECLARE)
#undef DECLARE
	gss_OID krb5_mech;
} lib;
static bool loaded;

struct krb {
	gss_cred_id_t cred;
};
struct krb_context {
	struct krb *krb;
	gss_ctx_id_t ctx;
	bool done;
	char name[KRB_NAME_MAX];
};

static int load(struct err *err)
{
	void *so, *found;

	if (loaded)
		return 0;
	so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (so == NULL)
		return err_set(
			err, ERR_ABSENT,
			"Kerberos needs %s, which is not here: apt-get install libgssapi-krb5-2",
			LIBRARY);
#define FIND(name)                                                                                 \
	found = dlsym(so, #name);                                                                  \
	memcpy(&lib.name, &found, sizeof(found)); /* POSIX: of one size, whatever C says */        \
	if (found == NULL)                                                                         \
		return err_set(err, ERR_ABSENT, "%s has no %s: it is too old", LIBRARY, #name);
	FUNCTIONS(FIND)
#undef FIND
	found = dlsym(so, "gss_mech_krb5");
	if (found == NULL)
		return err_set(err, ERR_ABSENT, "%s has no gss_mech_krb5", LIBRARY);
	lib.krb5_mech = *(gss_OID *)found;
	loaded = true;
	return 0;
}

/* Appends the first text that the library has for a status. */
static void put_status(struct buf *out, OM_uint32 code, int kind)
{
	OM_uint32 minor, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;

	if (GSS_ERROR(lib.gss_display_status(&minor, code, kind,
					     kind == GSS_C_MECH_CODE ? lib.krb5_mech : GSS_C_NO_OID,
					     &more, &text)))
		return;
	if (out->n > 0)
		buf_str(out, ": ");
	buf_put(out, text.value, text.length);
	lib.gss_release_buffer(&minor, &text);
}

/* What an administrator can do about a refusal: the library's own words name only the fault. */
static const char *remedy(OM_uint32 minor)
{
	static const struct {
		int32_t minor;
		const char *text;
	} rows[] = {
		{ KRB5KRB_AP_ERR_SKEW, CLOCKS },
		{ KRB5KRB_AP_ERR_TKT_NYV, CLOCKS },
		{ KRB5KRB_AP_ERR_NOT_US, NO_KEY },
		{ KRB5KRB_AP_WRONG_PRINC, NO_KEY },
		{ KRB5_KT_NOTFOUND, NO_KEY },
		{ KRB5_KT_KVNONOTFOUND, NO_KEY },
		{ KRB5KRB_AP_ERR_BADKEYVER, NO_KEY },
		{ KRB5KRB_AP_ERR_NOKEY, NO_KEY },
		{ KRB5KRB_AP_ERR_BAD_INTEGRITY, NO_KEY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((OM_uint32)rows[i].minor == minor)
			return rows[i].text;
	return "";
}

static int failed(struct err *err, enum err_code code, const char *what, OM_uint32 major,
		  OM_uint32 minor)
{
	struct buf why = { 0 };

	put_status(&why, major, GSS_C_GSS_CODE);
	if (minor != 0)
		put_status(&why, minor, GSS_C_MECH_CODE);
	err_set(err, code, "%s: %s%s", what, buf_cstr(&why), remedy(minor));
	buf_release(&why);
	return -1;
}

int krb_open(const char *keytab, bool replay, struct krb **ret, struct err *err)
{
	gss_key_value_element_desc elements[] = { { "keytab", keytab }, { "rcache", "none:" } };
	gss_key_value_set_desc store = { replay ? 1 : 2, elements };
	OM_uint32 major, minor;
	struct krb *g;

	if (load(err) < 0)
		return -1;
	if (access(keytab, R_OK) < 0)
		return err_set(
			err, ERR_ABSENT,
			"the keytab %s cannot be read; vartio-agent wef setup tells how it is "
			"made",
			keytab);
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return err_nomem(err);
	major = lib.gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET,
					  GSS_C_ACCEPT, &store, &g->cred, NULL, NULL);
	if (GSS_ERROR(major)) {
		free(g);
		return failed(err, ERR_SYNTAX, keytab, major, minor);
	}
	*ret = g;
	return 0;
}

void krb_close(struct krb *g)
{
	OM_uint32 minor;

	if (g == NULL)
		return;
	lib.gss_release_cred(&minor, &g->cred);
	free(g);
}

struct krb_context *krb_context_new(struct krb *g)
{
	struct krb_context *cx = calloc(1, sizeof(*cx));

	if (cx != NULL)
		cx->krb = g;
	return cx;
}

void krb_context_free(struct krb_context *cx)
{
	OM_uint32 minor;

	if (cx == NULL)
		return;
	if (cx->ctx != GSS_C_NO_CONTEXT)
		lib.gss_delete_sec_context(&minor, &cx->ctx, GSS_C_NO_BUFFER);
	free(cx);
}

static int take_name(struct krb_context *cx, gss_name_t name, struct err *err)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;
	bool fits;

	major = lib.gss_display_name(&minor, name, &text, NULL);
	if (GSS_ERROR(major))
		return failed(err, ERR_DENIED, "the principal has no name", major, minor);
	fits = text.length < sizeof(cx->name) && memchr(text.value, '\0', text.length) == NULL;
	if (fits) {
		memcpy(cx->name, text.value, text.length);
		cx->name[text.length] = '\0';
	}
	lib.gss_release_buffer(&minor, &text);
	return fits ? 0 : err_set(err, ERR_DENIED, "the principal's name is too long");
}

int krb_accept(struct krb_context *cx, struct slice token, struct buf *answer, struct err *err)
{
	gss_buffer_desc in = { token.n, (void *)(uintptr_t)token.p }, out = GSS_C_EMPTY_BUFFER;
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored, flags = 0;
	int r;

	if (cx->done)
		return err_set(err, ERR_DENIED, "it has authenticated before on this connection");
	major = lib.gss_accept_sec_context(&minor, &cx->ctx, cx->krb->cred, &in,
					   GSS_C_NO_CHANNEL_BINDINGS, &name, NULL, &out, &flags,
					   NULL, NULL);
	buf_put(answer, out.value, out.length);
	lib.gss_release_buffer(&ignored, &out);
	if (GSS_ERROR(major))
		r = failed(err, ERR_DENIED, "its ticket was not accepted", major, minor);
	else if (major & GSS_S_CONTINUE_NEEDED)
		r = 0;
	else if ((flags & NEEDED) != NEEDED)
		r = err_set(err, ERR_DENIED,
			    "it wants no mutual authentication, integrity or encryption");
	else
		r = take_name(cx, name, err) < 0 ? -1 : 1;
	if (name != GSS_C_NO_NAME)
		lib.gss_release_name(&ignored, &name);
	cx->done = r == 1;
	return r;
}

const char *krb_name(const struct krb_context *cx)
{
	return cx->done ? cx->name : "";
}

bool krb_expired(const struct krb_context *cx)
{
	OM_uint32 minor, seconds;

	return GSS_ERROR(lib.gss_context_time(&minor, cx->ctx, &seconds)) || seconds == 0;
}

int krb_unwrap(struct krb_context *cx, const struct mime *m, struct slice *ret_clear,
	       struct err *err)
{
	gss_iov_buffer_desc iov[] = {
		{ GSS_IOV_BUFFER_TYPE_HEADER, { m->header.n, (void *)(uintptr_t)m->header.p } },
		{ GSS_IOV_BUFFER_TYPE_DATA, { m->data.n, (void *)(uintptr_t)m->data.p } },
	};
	OM_uint32 major, minor;
	int encrypted = 0;

	major = lib.gss_unwrap_iov(&minor, cx->ctx, &encrypted, NULL, iov, 2);
	if (GSS_ERROR(major))
		return failed(err, ERR_DENIED, "a message was not protected as agreed", major,
			      minor);
	if ((major &
	     (GSS_S_DUPLICATE_TOKEN | GSS_S_OLD_TOKEN | GSS_S_UNSEQ_TOKEN | GSS_S_GAP_TOKEN)) != 0)
		return err_set(err, ERR_DENIED, "a message came again, or out of its order");
	if (!encrypted)
		return err_set(err, ERR_DENIED, "a message was not encrypted");
	if (iov[1].buffer.length != m->length)
		return err_set(err, ERR_SYNTAX,
			       "encrypted body: %zu bytes were in it, and it says %zu",
			       iov[1].buffer.length, m->length);
	*ret_clear = (struct slice){ iov[1].buffer.value, iov[1].buffer.length };
	return 0;
}

int krb_wrap(struct krb_context *cx, enum mime_scheme scheme, struct slice clear, struct buf *out,
	     struct err *err)
{
	gss_iov_buffer_desc iov[3] = {
		{ .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
		{ .type = GSS_IOV_BUFFER_TYPE_DATA },
		{ .type = GSS_IOV_BUFFER_TYPE_PADDING | GSS_IOV_BUFFER_FLAG_ALLOCATE },
	};
	OM_uint32 major, minor, ignored;
	struct buf data = { 0 };
	int encrypted = 0;

	buf_slice(&data, clear); /* it is encrypted where it is */
	if (data.failed)
		return err_nomem(err);
	iov[1].buffer = (gss_buffer_desc){ data.n, data.p };
	major = lib.gss_wrap_iov(&minor, cx->ctx, 1, GSS_C_QOP_DEFAULT, &encrypted, iov, 3);
	if (GSS_ERROR(major)) {
		buf_release(&data);
		return failed(err, ERR_PEER, "an answer could not be encrypted", major, minor);
	}
	mime_begin(out, scheme, clear.n);
	le32_put(out, (uint32_t)iov[0].buffer.length);
	for (size_t i = 0; i < 3; i++)
		buf_put(out, iov[i].buffer.value, iov[i].buffer.length);
	mime_end(out);
	lib.gss_release_iov_buffer(&ignored, iov, 3); /* those that were allocated */
	buf_release(&data);
	return encrypted && !out->failed ? 0 : err_nomem(err);
}
