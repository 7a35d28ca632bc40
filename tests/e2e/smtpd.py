# SPDX-License-Identifier: EUPL-1.2
"""A real SMTP server for the tests: aiosmtpd with STARTTLS and AUTH, on loopback, in this process."""
import asyncio
import email
import email.policy
import ssl
import subprocess
import threading

from lib import Skip, free_port

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
    """Keeps what was handed over in `messages`: (mail from, recipients, parsed message)."""

    def __init__(self, folder, port=None):
        if SMTP is None:
            raise Skip("python3-aiosmtpd is not installed")
        self.port, self.messages = port or free_port(), []
        self.cert, key = make_certificate(folder)
        self.answers = []  # replies to give instead of taking the next messages, for faults
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.password_file = folder / "smtp-password"
        self.password_file.write_text(PASSWORD + "\n", encoding="utf-8")
        self.password_file.chmod(0o600)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        def authenticate(_server, _session, _envelope, _mechanism, data):
            good = data.login == USER.encode() and data.password == PASSWORD.encode()
            return AuthResult(success=good, handled=good)

        async def serve():
            await self.loop.create_server(
                lambda: SMTP(self, hostname="localhost", tls_context=context, require_starttls=True,
                             authenticator=authenticate, auth_required=True),
                "127.0.0.1", self.port)
            started.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(serve())
            self.loop.run_forever()
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait(10)

    async def handle_DATA(self, _server, _session, envelope):  # pylint: disable=invalid-name
        if self.answers:
            return self.answers.pop(0)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 2.0.0 Taken"

    def settings(self):
        """collector.yml's notify.mail.smtp."""
        return {"url": f"smtp://localhost:{self.port}", "user": USER,
                "password_file": str(self.password_file), "ca_file": str(self.cert)}

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
