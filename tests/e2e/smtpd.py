# SPDX-License-Identifier: EUPL-1.2
"""A real SMTP server for the tests: aiosmtpd with STARTTLS and AUTH, on loopback, in this process."""
import asyncio
import email
import email.policy
import ssl
import subprocess
import threading

from lib import Skip, check, free_port

try:
    from aiosmtpd.smtp import SMTP, AuthResult
except ImportError:
    SMTP = None

USER, PASSWORD = "vartio", "Salasana-42"


def make_certificate(folder):
    """A self-signed certificate for localhost: (certificate, key)."""
    cert, key = folder / "smtp.crt", folder / "smtp.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class MailServer:
    """Keeps what was handed over in `taken`: (mail from, recipient, parsed message). A case may script
    it: what[verb] is a list of replies to give first, on_data is called before DATA is answered."""

    def __init__(self, folder, port=None, tls=True, auth=True, certificate=None):
        if SMTP is None:
            raise Skip("python3-aiosmtpd is not installed")
        self.port, self.taken, self.what, self.on_data = port or free_port(), [], {}, None
        self.mails_begun = 0
        self.cert, key = certificate or make_certificate(folder)
        self.password_file = folder / "smtp-password"
        self.password_file.write_text(PASSWORD + "\n", encoding="utf-8")
        self.password_file.chmod(0o600)
        self.loop, self.server, context = asyncio.new_event_loop(), None, None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.cert, key)

        def authenticate(_server, _session, _envelope, _mechanism, data):
            good = data.login == USER.encode() and data.password == PASSWORD.encode()
            return AuthResult(success=good, handled=False)
        options = {"authenticator": authenticate, "auth_required": True} if auth else {}
        started = threading.Event()

        async def serve():
            self.server = await self.loop.create_server(
                lambda: SMTP(self, hostname="localhost", tls_context=context,
                             require_starttls=tls, **options), "127.0.0.1", self.port)
            started.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(serve())
            self.loop.run_forever()
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        check(started.wait(30), "the mail server did not start")

    def answer(self, verb, usual):
        return self.what[verb].pop(0) if self.what.get(verb) else usual

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # pylint: disable=invalid-name
        self.mails_begun += 1
        envelope.mail_from = address
        return self.answer("MAIL", "250 2.1.0 OK")

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # pylint: disable=invalid-name
        reply = self.answer("RCPT", "250 2.1.5 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server, _session, envelope):  # pylint: disable=invalid-name
        reply = self.answer("DATA", "250 2.0.0 Taken as 4711")
        if reply.startswith("250"):
            to, = envelope.rcpt_tos  # one message, one person
            self.taken.append((envelope.mail_from, to, email.message_from_bytes(
                envelope.content, policy=email.policy.default)))
        if self.on_data is not None:
            self.on_data()
        return reply

    def settings(self):
        """collector.yml's notify.mail.smtp."""
        return {"url": f"smtp://localhost:{self.port}", "user": USER,
                "password_file": str(self.password_file), "ca_file": str(self.cert)}

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
