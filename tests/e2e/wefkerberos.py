# SPDX-License-Identifier: EUPL-1.2
"""A real Kerberos realm (MIT's KDC, unprivileged, below a folder) and clients of it that protect their
messages in Windows' layout: python3-gssapi, independent of the agent's code."""
import base64
import os
import pathlib
import re
import socket
import subprocess

import lib
import wefclient

REALM = "EXAMPLE.LAN"
HOST = "wec.example.lan"
SPNEGO = "1.3.6.1.5.5.2"
LAYOUT = ('multipart/encrypted;protocol="application/HTTP-{0}-session-encrypted";boundary="Encrypted Boundary"',
          '--Encrypted Boundary\r\nContent-Type: application/HTTP-{0}-session-encrypted\r\n'
          'OriginalContent: type=application/soap+xml;charset=UTF-16;Length={1}\r\n'
          '--Encrypted Boundary\r\nContent-Type: application/octet-stream\r\n',
          '--Encrypted Boundary--\r\n')


def stack():
    """The client's library; Skip where it is not here."""
    try:
        import gssapi  # pylint: disable=import-outside-toplevel
        import gssapi.raw  # pylint: disable=import-outside-toplevel
    except ImportError:
        raise lib.Skip("python3-gssapi is not installed") from None
    return gssapi


class Kdc:
    """EXAMPLE.LAN, with a keytab of the receiver at `keytab`."""

    def __init__(self, reg, services=("HTTP", "host"), host=HOST, life="10h"):
        root = lib.unpacked("krb5-kdc", "krb5-admin-server", "libkadm5srv-mit12", "libkdb5-10", "libgssrpc4",
                            "libkadm5clnt-mit12", "libverto1", "libverto-libev1", "libev4")
        self.reg, self.folder = reg, reg.folder / "kdc"
        self.folder.mkdir()
        self.port = lib.free_port()
        self.keytab = self.folder / "wef.keytab"
        libs = next(root.glob("usr/lib/*-linux-gnu*"))
        (self.folder / "krb5.conf").write_text(f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 ticket_lifetime = {life}
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{self.port}
 }}
""", encoding="ascii")
        (self.folder / "kdc.conf").write_text(f"""[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
 {REALM} = {{
  database_name = {self.folder}/principal
  key_stash_file = {self.folder}/stash
  acl_file = {self.folder}/acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
  max_life = {life}
 }}
[dbmodules]
 db_module_dir = {libs}/krb5/plugins/kdb
""", encoding="ascii")
        self.env = dict(os.environ, KRB5_CONFIG=str(self.folder / "krb5.conf"),
                        KRB5_KDC_PROFILE=str(self.folder / "kdc.conf"), LD_LIBRARY_PATH=str(libs))
        os.environ["KRB5_CONFIG"] = self.env["KRB5_CONFIG"]
        os.environ["KRB5CCNAME"] = f"MEMORY:{self.folder.name}"
        self.sbin = root / "usr/sbin"
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "not-a-secret")
        for service in services:
            self.admin(f"addprinc -randkey {service}/{host}")
            self.admin(f"ktadd -k {self.keytab} {service}/{host}")
        self.keytab.chmod(0o600)
        self.process = reg.spawn("kdc", [self.sbin / "krb5kdc", "-n", "-r", REALM, "-P", self.folder / "pid"],
                                 env=self.env)
        lib.wait_for("the KDC to listen", self.listens)

    def listens(self):
        lib.check(self.process.alive(), f"the KDC ended: {self.process.text()}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def run(self, program, *words, stdin=""):
        done = subprocess.run([self.sbin / program, *[str(w) for w in words]], env=self.env, input=stdin,
                              capture_output=True, text=True, check=False, timeout=lib.DEADLINE_S)
        lib.check(done.returncode == 0, f"{program}: {done.stdout}{done.stderr}")

    def admin(self, query):
        self.run("kadmin.local", "-r", REALM, "-q", query)

    def machine(self, name):
        """A machine account; its password is its name."""
        self.admin(f'addprinc -pw {name} "{name}$"')

    def machines(self, names):
        """Many of them at once."""
        self.run("kadmin.local", "-r", REALM, stdin="".join(f'addprinc -pw {n} "{n}$"\n' for n in names))


class Protection:
    """The context of one connection: authenticates it, then protects its bodies."""

    def __init__(self, client, name, scheme="Kerberos", service="HTTP", host=HOST):
        gssapi = stack()
        self.raw, self.scheme = gssapi.raw, scheme
        self.word = "SPNEGO" if scheme == "Negotiate" else "Kerberos"
        krb5 = gssapi.MechType.kerberos
        mech = gssapi.OID.from_int_seq(SPNEGO) if scheme == "Negotiate" else krb5
        user = gssapi.Name(f"{name}$@{REALM}", gssapi.NameType.kerberos_principal)
        creds = gssapi.raw.acquire_cred_with_password(user, name.encode(), mechs=[mech], usage="initiate").creds
        flags = gssapi.RequirementFlag
        self.context = gssapi.SecurityContext(
            name=gssapi.Name(f"{service}@{host}", gssapi.NameType.hostbased_service), mech=mech, usage="initiate",
            creds=gssapi.Credentials(creds),
            flags=flags.mutual_authentication | flags.integrity | flags.confidentiality |
            flags.replay_detection | flags.out_of_sequence_detection)
        token = self.context.step()
        for _ in range(4):
            self.status, headers, _body = client.post(
                b"", headers={"Authorization": f"{scheme} {base64.b64encode(token).decode()}"})
            found = re.search(rf"{scheme} (\S+)", headers.get("WWW-Authenticate", ""))
            token = self.context.step(base64.b64decode(found[1])) if found else None
            if self.status == 200 or token is None:
                break
        self.done = self.status == 200 and self.context.complete
        client.protect = self if self.done else None

    def iov(self, *parts):
        kinds = self.raw.IOVBufferType
        return self.raw.IOV(*[(getattr(kinds, kind), *rest) for kind, *rest in parts], std_layout=False)

    def wrap(self, data):
        iov = self.iov(("header", True), ("data", False, data), ("padding", True))
        self.raw.wrap_iov(self.context, iov, confidential=True)
        header, rest = iov[0].value, iov[1].value + (iov[2].value or b"")
        body = len(header).to_bytes(4, "little") + header + rest
        return (LAYOUT[1].format(self.word, len(data)).encode() + body + LAYOUT[2].encode(),
                LAYOUT[0].format(self.word))

    def unwrap(self, body, kind):
        lib.check(self.word in kind, f"an answer of type {kind}")
        at = body.index(b"application/octet-stream\r\n") + 26
        end = body.rindex(b"--Encrypted Boundary--")
        size = int.from_bytes(body[at:at + 4], "little")
        iov = self.iov(("header", False, body[at + 4:at + 4 + size]), ("data", False, body[at + 4 + size:end]))
        lib.check(self.raw.unwrap_iov(self.context, iov).encrypted, "an answer is not encrypted")
        return iov[1].value


def connect(port, name, scheme="Kerberos", **kwargs):
    """A client whose connection has authenticated."""
    client = wefclient.Client(("127.0.0.1", port), host=HOST)
    protection = Protection(client, name, scheme, **kwargs)
    lib.check(protection.done, f"{name} was not let in: {protection.status}")
    return client
