/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/keytab.h: what a keytab holds, without its keys: for `wef doctor` and `check`.
 * (Kerberos itself reads keytabs by MIT's library: krb.h.)
 * Standards: "Keytab file format" of the MIT krb5 documentation, versions 5.1 and 5.2. */
#ifndef VARTIO_WEF_KEYTAB_H
#define VARTIO_WEF_KEYTAB_H

#include "common/base/arena.h"
#include "common/base/buf.h"

#define KEYTAB_MAX_BYTES   (1u << 20)
#define KEYTAB_MAX_ENTRIES 1024u

/* Numbers of encryption types, RFC 3962 and RFC 8009. */
enum { KEYTAB_AES128 = 17, KEYTAB_AES256 = 18, KEYTAB_AES128_SHA2 = 19, KEYTAB_AES256_SHA2 = 20 };

struct keytab_entry {
	const char *name;  /* "HTTP/wec.example.lan"; what is not printable is a ? */
	const char *realm; /* "EXAMPLE.LAN" */
	uint32_t kvno;
	uint16_t enctype;
};
struct keytab {
	struct keytab_entry *v; /* in the arena */
	size_t n;
};

/* All from bytes into mem; keys are not copied. ERR_SYNTAX: no keytab, or cut; ERR_FULL. */
int keytab_parse(struct slice bytes, struct arena *mem, struct keytab *ret, struct err *err);
static inline bool keytab_is_aes(uint16_t enctype)
{
	return enctype >= KEYTAB_AES128 && enctype <= KEYTAB_AES256_SHA2;
}

#endif
