/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/enrol.h: from a one-time token to a key, a certificate and a configuration.
 * The token carries the collector's enrolment address and the SHA-256 of its CA's public key; the
 * server's chain must end in that key. Blocking: a command, not the daemon.
 * Protocol: docs/formats.md, "enrolment": one POST of JSON over TLS. */
#ifndef VARTIO_ENROL_ENROL_H
#define VARTIO_ENROL_ENROL_H

#include "agent/config.h"

struct token {
	char address[256];  /* "host:port" of the enrolment door */
	uint8_t ca_key[32]; /* SHA-256 of the CA's SubjectPublicKeyInfo */
	uint8_t secret[16];
};
/* ERR_SYNTAX: not a token (cut short by copying? what it should look like). */
int token_parse(struct slice text, struct token *ret, struct err *err);
/* Makes a key (unless one waits from an attempt before), asks for the certificate, writes
 * STATE/{agent.key,agent.crt,ca.crt} (0600) and, where config_path does not exist, a configuration
 * that follows this machine's journal or syslog. Appends to report what was done. */
int enrol(const struct token *tk, const char *config_path, const char *state_dir, const char *host,
	  struct buf *report, struct err *err);

#endif
