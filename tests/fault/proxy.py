# SPDX-License-Identifier: EUPL-1.2
"""The line between agent and collector: a TCP proxy of the tests that can be cut, stalled, slowed and
worse. It carries bytes and knows nothing of what they mean; TLS runs through it untouched."""
import asyncio
import socket
import struct
import threading

PIECE = 16384
UP, DOWN = "up", "down"  # agent to collector, and back


class Pipe:
    """One connection: the agent's end and the collector's."""

    def __init__(self, agent):
        self.agent, self.collector = agent, None
        self.swallow = False  # half open: both ends believe in it, nothing gets through
        self.late = False     # the agent's end is gone, and what it had sent is still on its way
        self.tasks = []


class Proxy:
    """Listens on a free port of loopback from the beginning; every change takes effect at once."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.rate = {UP: None, DOWN: None}      # bytes a second; None: as fast as it goes
        self.delay_s = 0.0
        self.refuse = self.half_open = False    # of new connections
        self.pipes, self.accepted = set(), 0
        self.loop = asyncio.new_event_loop()
        self.flow = {}
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        asyncio.set_event_loop(self.loop)
        for way in (UP, DOWN):
            self.flow[way] = asyncio.Event()
            self.flow[way].set()
        self.loop.run_until_complete(asyncio.start_server(self.serve, sock=self.listener, limit=PIECE))
        self.loop.run_forever()

    def do(self, what, *args):
        """Runs what(*args) in the proxy's own thread, and waits until it has run."""
        done = threading.Event()

        def go():
            what(*args)
            done.set()
        self.loop.call_soon_threadsafe(go)
        done.wait(10)

    async def serve(self, reader, writer):
        self.accepted += 1
        pipe = Pipe((reader, writer))
        if self.refuse:
            reset(writer)
            return
        self.pipes.add(pipe)
        pipe.swallow = self.half_open
        try:
            if not pipe.swallow:
                pipe.collector = await asyncio.open_connection("127.0.0.1", self.target_port, limit=PIECE)
        except OSError:
            self.pipes.discard(pipe)
            reset(writer)
            return
        ways = [(UP, pipe.agent[0], pipe.collector and pipe.collector[1])]
        if pipe.collector:
            ways.append((DOWN, pipe.collector[0], pipe.agent[1]))
        pipe.tasks = [asyncio.ensure_future(self.carry(pipe, *way)) for way in ways]

    async def carry(self, pipe, way, reader, writer):
        """One direction, until an end is reached or an end breaks."""
        try:
            while True:
                await self.flow[way].wait()
                rate = self.rate[way]
                data = await reader.read(max(1, min(PIECE, rate // 10)) if rate else PIECE)
                if not data:
                    break
                if pipe.swallow:
                    continue
                await self.flow[way].wait()
                if rate or self.delay_s:
                    await asyncio.sleep((len(data) / rate if rate else 0) + self.delay_s)
                if pipe.swallow or (pipe.late and way == DOWN):
                    continue
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        if not pipe.swallow and not pipe.late:
            self.drop(pipe)

    def drop(self, pipe):
        self.pipes.discard(pipe)
        for end in (pipe.agent, pipe.collector):
            if end:
                reset(end[1])

    # --- what faults ask for; from any thread ---

    def cut(self):
        """Ends all connections with a reset, as a firewall does that forgot them."""
        self.do(lambda: [self.drop(p) for p in list(self.pipes)])

    def stall(self, *ways):
        """Nothing moves in these directions; the sockets fill up."""
        self.do(lambda: [self.flow[w].clear() for w in ways])

    def go(self, *ways):
        self.do(lambda: [self.flow[w].set() for w in ways or (UP, DOWN)])

    def set(self, name, value):
        self.do(setattr, self, name, value)

    def set_rate(self, bytes_per_s):
        self.do(self.rate.update, {UP: bytes_per_s, DOWN: bytes_per_s})

    def open_half(self):
        """The far end is gone without a word: what is connected stays so and gets no answer."""
        def go():
            self.half_open = True
            for pipe in self.pipes:
                pipe.swallow = True
        self.do(go)

    def close_half(self):
        """The far end is back, and answers connections that it does not know with a reset."""
        def go():
            self.half_open = False
            for pipe in [p for p in self.pipes if p.swallow]:
                self.drop(pipe)
        self.do(go)

    def overtake(self):
        """The agent's ends break while what it sent is still on its way: the agent connects again and
        sends again, and the old bytes come in later, beside or behind the new ones."""
        def go():
            for pipe in [p for p in self.pipes if p.collector and not p.swallow and not p.late]:
                pipe.late = True
                reset(pipe.agent[1])
        self.do(go)

    def arrive(self):
        """The late connections end."""
        self.do(lambda: [self.drop(p) for p in list(self.pipes) if p.late])

    def heal(self):
        self.set("refuse", False)
        self.set("delay_s", 0.0)
        self.set_rate(None)
        self.close_half()
        self.arrive()
        self.go()

    def close(self):
        self.cut()
        self.do(self.loop.stop)
        self.thread.join(5)
        self.listener.close()


def reset(writer):
    """Closes with RST, whatever is still to be sent."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


