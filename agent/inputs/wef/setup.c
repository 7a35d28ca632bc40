/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/setup.c: the text of `vartio-agent wef setup`. It is a table of parts: sentences
 * go through the catalogues, what is typed or clicked stays as Windows has it. */
#include "agent/inputs/wef/setup.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>

#include "agent/inputs/wef/inspect.h"
#include "common/base/fill.h"

enum when { KRB = 1, TLS = 2, EACH = 3 /* either */ };
enum kind {
	HEAD, /* a numbered heading */
	SAY,  /* a sentence, translated */
	CODE, /* to be entered as it is */
	CAS,  /* the same, once for each authority in the settings */
};

#define POLICY "Computer Configuration > Policies > "

/* clang-format off */
static const struct part {
	enum when when;
	enum kind kind;
	const char *text;
} parts[] = {
	{ EACH, HEAD, N_("Name and clock") },
	{ EACH, SAY, N_("On a DNS server of the domain, in PowerShell: the A record and, by -CreatePtr, the "
			"PTR record that leads back. The zone for reverse lookup must exist.") },
	{ EACH, CODE, "Add-DnsServerResourceRecordA -ZoneName {zone} -Name {name} -IPv4Address {address} -CreatePtr" },
	{ EACH, SAY, N_("The clock of {host} may differ from the domain controllers' by five minutes at most: "
			"let it take its time from them, or from where they take theirs.") },

	{ KRB, HEAD, N_("Accounts, SPNs and keytab for Kerberos") },
	{ KRB, SAY, N_("Where {host} is not joined to the domain: on a domain controller, in PowerShell, as a "
		       "domain administrator. Windows asks for HTTP/, Windows Server 2025 for host/. Each has an "
		       "account of its own, since a key that ktpass writes holds for one name of an account. The "
		       "passwords are random and nobody has to know them.") },
	{ KRB, CODE, "New-ADUser -Name vartio-http -SamAccountName vartio-http -KerberosEncryptionType AES256 -PasswordNeverExpires $true\n"
		     "New-ADUser -Name vartio-host -SamAccountName vartio-host -KerberosEncryptionType AES256 -PasswordNeverExpires $true\n"
		     "setspn -S HTTP/{host} vartio-http\n"
		     "setspn -S host/{host} vartio-host\n"
		     "ktpass /princ HTTP/{host}@{realm} /mapuser vartio-http@{domain} /crypto AES256-SHA1 /ptype KRB5_NT_PRINCIPAL +rndPass /out first.keytab\n"
		     "ktpass /princ host/{host}@{realm} /mapuser vartio-host@{domain} /crypto AES256-SHA1 /ptype KRB5_NT_PRINCIPAL +rndPass /in first.keytab /out vartio.keytab\n"
		     "Enable-ADAccount vartio-http\n"
		     "Enable-ADAccount vartio-host\n"
		     "Remove-Item first.keytab" },
	{ KRB, SAY, N_("Copy vartio.keytab to {host} so that nobody else can read it (scp), delete it on the domain "
		       "controller, and on {host} as root:") },
	{ KRB, CODE, "install -o vartio-agent -g vartio-agent -m 0600 vartio.keytab {keytab}" },
	{ KRB, SAY, N_("Where {host} is joined to the domain already (realm, adcli): its computer account has "
		       "host/{host}, and a second account with that name would break both (setspn says that it is a "
		       "duplicate). Make no accounts; give HTTP/ to the computer account, on {host} as root, and name "
		       "/etc/krb5.keytab in agent.yml:") },
	{ KRB, CODE, "adcli update --domain={domain} --add-service-principal=HTTP/{host}\n"
		     "setfacl -m u:vartio-agent:r /etc/krb5.keytab" },

	{ TLS, HEAD, N_("Certificates") },
	{ TLS, SAY, N_("{host} needs a certificate for server authentication with the DNS name {host}, from an "
		       "authority that the computers trust. Each computer needs one for client authentication in its "
		       "own store (Local Computer > Personal), from an authority that agent.yml names in ca. With "
		       "Active Directory Certificate Services: the template Computer, and in a group policy:") },
	{ TLS, CODE, POLICY "Windows Settings > Security Settings > Public Key Policies >\n"
		     "  Certificate Services Client - Auto-Enrollment: Enabled" },
	{ TLS, SAY, N_("NETWORK SERVICE must be allowed to read the private key of the computer's certificate: in the "
		       "template under Request Handling > Key Permissions; on a single computer in certlm.msc, the "
		       "certificate > All Tasks > Manage Private Keys, permission Read.") },

	{ EACH, HEAD, N_("Group policy: where the computers send") },
	{ EACH, SAY, N_("One group policy for the computers that are to send, first for a few of them. The places are "
			"named as in English Windows.") },
	{ EACH, CODE, POLICY "Administrative Templates > Windows Components > Event Forwarding >\n"
		      "  Configure target Subscription Manager: Enabled; SubscriptionManagers > Show..." },
	{ KRB, SAY, N_("Value for Kerberos:") },
	{ KRB, CODE, "Server=http://{host}:{kerberos_port}/wsman/SubscriptionManager/WEC,Refresh=900" },
	{ TLS, SAY, N_("Value for certificates; IssuerCA is the SHA-1 thumbprint of the authority that issued the "
		       "computers' certificates:") },
	{ TLS, CAS, "Server=https://{host}:{https_port}/wsman/SubscriptionManager/WEC,Refresh=900,IssuerCA={thumbprint}" },
	{ EACH, SAY, N_("A computer gets one such value for {host}, never two: else each event comes twice. Windows "
			"keeps it in the registry:") },
	{ EACH, CODE, "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\EventLog\\EventForwarding\\SubscriptionManager" },

	{ EACH, HEAD, N_("WinRM service") },
	{ EACH, SAY, N_("In the same policy: the service that sends has to start by itself. The computers need no "
			"listener and no open port.") },
	{ EACH, CODE, POLICY "Windows Settings > Security Settings > System Services >\n"
		      "  Windows Remote Management (WS-Management): Automatic" },

	{ EACH, HEAD, N_("The right to read the log Security") },
	{ EACH, SAY, N_("Windows sends as NETWORK SERVICE, which may read the log Security only as a member of Event "
			"Log Readers; else those events are missing and nobody is told. In the same policy:") },
	{ EACH, CODE, "Computer Configuration > Preferences > Control Panel Settings > Local Users and Groups >\n"
		      "  New > Local Group: Update, Event Log Readers (built-in), Members: Add NT AUTHORITY\\NETWORK SERVICE" },
	{ EACH, SAY, N_("For the domain controllers, once, on one of them:") },
	{ EACH, CODE, "net localgroup \"Event Log Readers\" \"NT AUTHORITY\\NETWORK SERVICE\" /add" },
	{ EACH, SAY, N_("Each computer has to be restarted once after that.") },

	{ EACH, HEAD, N_("Firewall") },
	{ EACH, SAY, N_("Open from the computers to {host}; Windows' own firewall lets it out by default. On {host}, by "
			"the firewall that is in use there:") },
	{ KRB, CODE, "ufw allow {kerberos_port}/tcp\n"
		     "firewall-cmd --permanent --add-port={kerberos_port}/tcp && firewall-cmd --reload" },
	{ TLS, CODE, "ufw allow {https_port}/tcp\n"
		     "firewall-cmd --permanent --add-port={https_port}/tcp && firewall-cmd --reload" },

	{ EACH, HEAD, N_("Audit policy: what Windows writes into its logs") },
	{ EACH, SAY, N_("In the same policy. What is not written cannot be forwarded; lines that begin with DC are for "
			"domain controllers only.") },
	{ EACH, CODE, POLICY "Windows Settings > Security Settings >\n"
		      "  Local Policies > Security Options > Audit: Force audit policy subcategory settings: Enabled\n"
		      "  Advanced Audit Policy Configuration > Audit Policies >\n"
		      "     Account Logon > Credential Validation: Success, Failure\n"
		      "  DC Account Logon > Kerberos Authentication Service: Success, Failure\n"
		      "  DC Account Logon > Kerberos Service Ticket Operations: Success, Failure\n"
		      "     Account Management > User Account Management: Success, Failure\n"
		      "     Account Management > Security Group Management: Success\n"
		      "  DC Account Management > Computer Account Management: Success\n"
		      "     Detailed Tracking > Process Creation: Success\n"
		      "     Detailed Tracking > PNP Activity: Success\n"
		      "  DC DS Access > Directory Service Access, Directory Service Changes: Success\n"
		      "     Logon/Logoff > Logon, Other Logon/Logoff Events: Success, Failure\n"
		      "     Logon/Logoff > Special Logon: Success\n"
		      "     Object Access > File Share, Other Object Access Events: Success\n"
		      "     Policy Change > Audit Policy Change, Authentication Policy Change: Success\n"
		      "     System > Security State Change, Security System Extension: Success\n"
		      "     System > System Integrity: Success, Failure\n"
		      POLICY "Administrative Templates >\n"
		      "  System > Audit Process Creation > Include command line in process creation events: Enabled\n"
		      "  Windows Components > Windows PowerShell > Turn on PowerShell Script Block Logging: Enabled" },

	{ EACH, HEAD, N_("Sizes of the logs") },
	{ EACH, SAY, N_("While {host} does not answer, the computers keep the events in their own logs, so these must "
			"be large enough. In the same policy, in KB:") },
	{ EACH, CODE, POLICY "Administrative Templates > Windows Components > Event Log Service >\n"
		      "  Security > Specify the maximum log file size (KB): 1048576\n"
		      "  System, Application > Specify the maximum log file size (KB): 131072" },
	{ EACH, SAY, N_("Other logs, in a startup script of the policy; the second is not even switched on by default:") },
	{ EACH, CODE, "wevtutil sl Microsoft-Windows-PowerShell/Operational /ms:268435456\n"
		      "wevtutil sl Microsoft-Windows-TaskScheduler/Operational /e:true /ms:67108864" },

	{ EACH, HEAD, N_("Settings of the agent") },
	{ EACH, SAY, N_("In /etc/vartio/agent.yml on {host}, where it does not stand there yet:") },
	{ EACH, CODE, "inputs:\n  - type: wef\n    host: {host}" },
	{ KRB, CODE, "    kerberos: {kerberos}\n    keytab: {keytab}" },
	{ TLS, CODE, "    https: {https}\n    ca: {ca}\n    certificate: {certificate}\n    key: {key}" },
	{ EACH, SAY, N_("Then as root:") },
	{ EACH, CODE, "vartio-agent check && systemctl reload vartio-agent\nvartio-agent wef doctor" },

	{ EACH, HEAD, N_("Seeing that it works") },
	{ EACH, SAY, N_("On one of the computers, in PowerShell as an administrator, after the restart:") },
	{ EACH, CODE, "gpupdate /force" },
	{ KRB, CODE, "Test-NetConnection {host} -Port {kerberos_port}" },
	{ TLS, CODE, "Test-NetConnection {host} -Port {https_port}" },
	{ EACH, CODE, "Get-WinEvent -LogName Microsoft-Windows-Forwarding/Operational -MaxEvents 20 | Format-List TimeCreated, Id, Message" },
	{ EACH, SAY, N_("100: the subscription is made, events come.") },
	{ EACH, SAY, N_("101: it is made, but a log could not be read: Event Log Readers and the restart are missing, or "
			"this computer has no such log, which does no harm.") },
	{ EACH, SAY, N_("102: it could not be made: Windows does not take the query. vartio-agent check on {host} tells "
			"what is wrong with it.") },
	{ EACH, SAY, N_("105: {host} was not reached, or did not let the computer in: name, port, SPN, keytab, clock or "
			"certificate. vartio-agent wef doctor on {host} tells which.") },
};
/* clang-format on */

#define INDENT "    "
#define WIDTH  88u

/* The first IPv4 address of this machine that others can reach; "" where there is none. */
static void own_address(char ret[INET_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;

	ret[0] = '\0';
	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *a = all; a != NULL && ret[0] == '\0'; a = a->ifa_next)
		if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET &&
		    (a->ifa_flags & IFF_LOOPBACK) == 0)
			inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, ret,
				  INET_ADDRSTRLEN);
	freeifaddrs(all);
}

static void put_lines(struct buf *out, struct slice text)
{
	while (text.n > 0) {
		ssize_t nl = slice_chr(text, '\n');
		size_t n = nl < 0 ? text.n : (size_t)nl;

		buf_str(out, INDENT);
		buf_put(out, text.p, n);
		buf_chr(out, '\n');
		text = slice_from(text, n + (nl >= 0));
	}
}

/* Broken at blanks, so that it can be read in a terminal. */
static void put_wrapped(struct buf *out, struct slice text)
{
	size_t column = 0;

	while (text.n > 0) {
		ssize_t blank = slice_chr(text, ' ');
		struct slice word = { text.p, blank < 0 ? text.n : (size_t)blank };
		size_t wide = text_chars(word);

		if (column > 0 && column + 1 + wide > WIDTH) {
			buf_chr(out, '\n');
			column = 0;
		} else if (column > 0) {
			buf_chr(out, ' ');
			column++;
		}
		buf_slice(out, word);
		column += wide;
		text = slice_from(text, word.n + (blank >= 0));
	}
	buf_chr(out, '\n');
}

struct setup {
	struct buf *out;
	enum lang lang;
	struct fill fills[16];
	size_t n;
	unsigned heading;
	enum kind last;
	struct buf text;
};

static void put_code(struct setup *st, const struct part *pa, const struct wef_ca *ca)
{
	size_t n = st->n;

	if (ca != NULL)
		st->fills[n++] = (struct fill){ "thumbprint", ca->thumbprint, false };
	buf_reset(&st->text);
	fill_text(&st->text, pa->text, st->fills, n);
	put_lines(st->out, buf_view(&st->text));
}

static void put_part(struct setup *st, const struct part *pa, const struct wef_cas *cas)
{
	static const struct wef_ca unknown = { .thumbprint = "THUMBPRINT" };

	buf_reset(&st->text);
	switch (pa->kind) {
	case HEAD:
		buf_printf(st->out, "\n%u. %s\n", ++st->heading, tr(st->lang, pa->text));
		break;
	case SAY:
		if (st->last == CODE)
			buf_chr(st->out, '\n');
		fill_text(&st->text, tr(st->lang, pa->text), st->fills, st->n);
		put_wrapped(st->out, buf_view(&st->text));
		break;
	case CODE:
		put_code(st, pa, NULL);
		break;
	case CAS:
		for (size_t i = 0; i < cas->n; i++)
			put_code(st, pa, &cas->v[i]);
		if (cas->n == 0)
			put_code(st, pa, &unknown);
		break;
	}
	st->last = pa->kind == CAS ? CODE : pa->kind;
}

static void fill_add(struct setup *st, const char *name, const char *text, const char *otherwise)
{
	st->fills[st->n++] = (struct fill){ name, text != NULL ? text : otherwise, false };
}

void wef_setup(const struct wef_site *pl, enum lang lang, struct buf *out)
{
	static const struct wef_conf nothing;
	const struct wef_conf *cf = pl->conf != NULL ? pl->conf : &nothing;
	bool either = cf->kerberos == NULL && cf->https == NULL;
	unsigned doors = (either || cf->kerberos != NULL ? KRB : 0u) |
			 (either || cf->https != NULL ? TLS : 0u);
	const char *zone = strchr(pl->host, '.') + 1;
	char name[WEF_NAME_MAX], address[INET_ADDRSTRLEN], kport[8], hport[8];
	size_t n = strlen(pl->host), nd = strlen(pl->domain);
	struct setup st = { .out = out, .lang = lang };
	struct arena mem = { 0 };
	struct wef_cas cas = { 0 };
	struct err ignored; /* check and doctor tell what is wrong with the file */

	if (n > nd + 1 && strcmp(pl->host + n - nd, pl->domain) == 0 && pl->host[n - nd - 1] == '.')
		zone = pl->host + n - nd;
	snprintf(name, sizeof(name), "%.*s", (int)(zone - pl->host - 1), pl->host);
	snprintf(kport, sizeof(kport), "%u", wef_site_port(cf->kerberos, cf->kerberos_port, 5985));
	snprintf(hport, sizeof(hport), "%u", wef_site_port(cf->https, cf->https_port, 5986));
	own_address(address);
	if (cf->ca != NULL && wef_cas_read(cf->ca, &mem, &cas, &ignored) < 0)
		cas.n = 0;
	fill_add(&st, "host", pl->host, NULL);
	fill_add(&st, "domain", pl->domain, NULL);
	fill_add(&st, "realm", pl->realm, NULL);
	fill_add(&st, "zone", zone, NULL);
	fill_add(&st, "name", name, NULL);
	fill_add(&st, "address", address[0] != '\0' ? address : NULL, "ADDRESS");
	fill_add(&st, "kerberos_port", kport, NULL);
	fill_add(&st, "https_port", hport, NULL);
	fill_add(&st, "kerberos", cf->kerberos, "0.0.0.0:5985");
	fill_add(&st, "https", cf->https, "0.0.0.0:5986");
	fill_add(&st, "keytab", cf->keytab, "/etc/vartio/wef.keytab");
	fill_add(&st, "ca", cf->ca, "/etc/vartio/wef-ca.pem");
	fill_add(&st, "certificate", cf->certificate, "/etc/vartio/wef-cert.pem");
	fill_add(&st, "key", cf->key, "/etc/vartio/wef-key.pem");
	fill_text(&st.text, tr(lang, "Windows events of the domain {domain} to {host}"), st.fills,
		  st.n);
	buf_slice(out, buf_view(&st.text));
	buf_chr(out, '\n');
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (((unsigned)parts[i].when & doors) == 0)
			continue;
		put_part(&st, &parts[i], &cas);
	}
	if ((doors & TLS) != 0 && cas.n == 0) {
		buf_chr(out, '\n');
		put_wrapped(out, slice_str(tr(lang, "THUMBPRINT stands for 40 hex digits: name the "
						    "authority in ca in agent.yml, then run this "
						    "command again.")));
	}
	buf_release(&st.text);
	arena_release(&mem);
}
