/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/token.c: vt1_ + base64url(address NUL, SHA-256 of the CA's public key, secret). */
#include "agent/enrol/enrol.h"

#include "common/base/hash.h"
#include "common/base/text.h"

#define TOKEN_MAX 1024u

int token_parse(struct slice text, struct token *ret, struct err *err)
{
	struct buf raw = { 0 };
	struct token tk = { 0 };
	char host[256];
	uint16_t port;
	ssize_t nul;
	int r = -1;

	text = slice_trim(text);
	if (text.n == 0) {
		err_set(err, ERR_SYNTAX,
			"there is no token; `vartio-collector token create` prints one line");
		goto out;
	}
	if (!slice_starts(text, SLICE("vt1_"))) {
		err_set(err, ERR_SYNTAX, "this is not an enrolment token: one begins with vt1_");
		goto out;
	}
	if (text.n > TOKEN_MAX || !base64url_parse(slice_from(text, 4), &raw))
		goto damaged;
	nul = slice_chr(buf_view(&raw), '\0');
	if (nul <= 0 || (size_t)nul >= sizeof(tk.address) ||
	    raw.n != (size_t)nul + 1 + sizeof(tk.ca_key) + sizeof(tk.secret) ||
	    !text_host_port((struct slice){ raw.p, (size_t)nul }, 0, host, &port) || port == 0)
		goto damaged;
	memcpy(tk.address, raw.p, (size_t)nul + 1);
	memcpy(tk.ca_key, raw.p + nul + 1, sizeof(tk.ca_key));
	memcpy(tk.secret, raw.p + nul + 1 + sizeof(tk.ca_key), sizeof(tk.secret));
	*ret = tk;
	r = 0;
	goto out;
damaged:
	err_set(err, ERR_SYNTAX,
		"the token is damaged: was it cut short or broken over lines when it was copied? "
		"It is one "
		"line that begins with vt1_");
out:
	buf_release(&raw);
	return r;
}
