# SPDX-License-Identifier: EUPL-1.2
"""An agent's side of the wire by docs/formats.md alone, for what a real agent never does."""
import json
import socket
import ssl
import struct
import zlib


def frame(epoch, block, first_seq, events):
    """The `C` frame of a block, its window before it."""
    meta = f'"@metadata":{{"vartio":{{"epoch":"{epoch:016x}","block":{block},' \
           f'"first_seq":{first_seq},"floor":1}}}}'
    plain = b""
    for n, event in enumerate(events, 1):
        text = json.dumps(event, separators=(",", ":"))
        if n == 1:
            text = "{" + meta + "," + text[1:]
        plain += b"2J" + struct.pack(">II", n, len(text.encode())) + text.encode()
    packed = zlib.compress(plain)
    return b"2W" + struct.pack(">I", len(events)) + b"2C" + struct.pack(">I", len(packed)) + packed


class Sender:
    """A connection with an enrolled agent's key, from an address of choice."""

    def __init__(self, agent, port, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=str(agent.state / "ca.crt"))
        context.load_cert_chain(str(agent.state / "agent.crt"), str(agent.state / "agent.key"))
        raw = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        self.tls = context.wrap_socket(raw, server_hostname="localhost")

    def send(self, epoch, block, first_seq, *events):
        """Sends one block and waits until it is acknowledged."""
        self.tls.sendall(frame(epoch, block, first_seq, events))
        got, n = b"", 0
        while n < len(events):
            got += self.tls.recv(4096)
            while len(got) >= 6:
                assert got[:2] == b"2A", got
                n = struct.unpack(">I", got[2:6])[0]
                got = got[6:]

    def close(self):
        self.tls.close()
