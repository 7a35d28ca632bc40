/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/make_pki.c: an authority with a collector's and two agents' certificates, in a new
 * folder whose path it prints. The folder is the caller's to remove. */
#include <stdio.h>
#include <string.h>

#include "tests/helpers/pki.h"

int main(void)
{
	struct pki *pki = pki_new("Vartio test authority");
	const char *ca = pki_ca_path(pki);

	pki_issue(pki, "siem",
		  &(struct pki_spec){ .dns = "localhost", .ip = "127.0.0.1", .use = "server" });
	pki_issue(pki, "agent",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1", .use = "client" });
	pki_issue(pki, "beats",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:beats-1", .use = "client" });
	printf("%.*s\n", (int)(strrchr(ca, '/') - ca), ca);
	pki_keep(pki);
	return 0;
}
