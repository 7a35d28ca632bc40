# SPDX-License-Identifier: EUPL-1.2
"""rsyslog and syslog-ng doing what comes nearest to an agent's work: a file of auth lines, parsed,
as JSON through a queue on disk to a receiver over mutual TLS. Both from Debian packages, unpacked.

What they do not do: ECS (their JSON has the parts of a syslog line and the message), compression
where they have none, and an answer of the receiver: what left the socket counts as delivered.
"""
import json
import os
import pathlib
import socket
import ssl
import statistics
import subprocess
import threading
import time

from bench import BUILD, Meter
from counted import append
from lib import Process, memory_mib, unpacked, wait_for

RSYSLOG = """
global(workDirectory="{work}" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{pki}/ca.crt"
       defaultNetstreamDriverCertFile="{pki}/agent.crt" defaultNetstreamDriverKeyFile="{pki}/agent.key")
module(load="imfile")
template(name="json" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
  property(outname="process.name" name="programname" format="jsonf")
  property(outname="process.pid" name="procid" format="jsonf")
  property(outname="log.file.path" name="$!metadata!filename" format="jsonf")
  property(outname="log.offset" name="$!metadata!fileoffset" format="jsonf")
  property(outname="message" name="msg" position.from="2" format="jsonf")
}}
ruleset(name="ship") {{
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="json"
         streamDriver="gtls" streamDriverMode="1" streamDriverAuthMode="x509/name"
         streamDriverPermittedPeers="localhost" action.resumeRetryCount="-1"
         queue.fileName="ship" queue.maxDiskSpace="2g" queue.saveOnShutdown="on" {queue})
}}
input(type="imfile" file="{log}" tag="auth" needParse="on" addMetadata="on" ruleset="ship")
"""

SYSLOGNG = """@version: 3.38
options {{ stats-freq(0); keep-hostname(yes); use-dns(no); }};
source followed {{ file("{log}" follow-freq(0.1) log-fetch-limit(1000) log-iw-size(10000)); }};
destination ship {{
  network("localhost" port({port}) transport("tls")
    tls(ca-file("{pki}/ca.crt") cert-file("{pki}/agent.crt") key-file("{pki}/agent.key") peer-verify(required-trusted))
    disk-buffer(reliable(yes) disk-buf-size(1073741824) dir("{work}"))
    template("$(format-json @timestamp=$ISODATE host.name=$HOST process.name=$PROGRAM process.pid=$PID log.file.path=$FILE_NAME message=$MESSAGE)\\n"));
}};
log {{ source(followed); destination(ship); flags(flow-control); }};
"""


class Sink:
    """Receives over mutual TLS; keeps what comes, to be looked at afterwards."""

    def __init__(self, pki):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "siem.crt", pki / "siem.key")
        context.load_verify_locations(pki / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port, self.parts, self.lines, self.last = self.socket.getsockname()[1], [], 0, 0.0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return  # closed
            with conn:
                while part := conn.recv(1 << 18):
                    self.parts.append(part)
                    self.lines += part.count(b"\n")
                    self.last = time.time()

    def messages(self):
        return [json.loads(line)["message"] for line in b"".join(self.parts).splitlines()]


def rsyslog(work, conf):
    packages = unpacked("rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5")
    libs = packages / "usr/lib/x86_64-linux-gnu"
    return ([packages / "usr/sbin/rsyslogd", "-n", "-f", conf, "-i", work / "pid", "-M", f"{libs}/rsyslog/"],
            {"LD_LIBRARY_PATH": str(libs)})


def syslogng(work, conf):
    packages = unpacked("syslog-ng-core", "libivykis0", "libnet1", "libpcre3", "libwrap0", "libjson-c5",
                        "libglib2.0-0")
    libs = [packages / "usr/lib/syslog-ng", packages / "usr/lib/x86_64-linux-gnu", packages / "lib/x86_64-linux-gnu"]
    return ([packages / "usr/sbin/syslog-ng", "-F", "--no-caps", "-f", conf, "-R", work / "persist", "-p", work / "pid",
             "-c", work / "control", "--module-path", packages / "usr/lib/syslog-ng/3.38"],
            {"LD_LIBRARY_PATH": ":".join(map(str, libs))})


# A disk-assisted queue of rsyslog holds lines in memory and goes to disk past a mark. It gets room
# enough to stay in memory: where it went to disk in these runs, a few hundred lines stayed there
# after the rest was delivered. `disk` has all on disk, but unsynced: synced, it makes 250 lines/s.
ASSISTED = 'queue.type="LinkedList" queue.size="2000000" queue.highWatermark="1900000" queue.syncQueueFiles="on"'
DISK = 'queue.type="Disk" queue.checkpointInterval="1000"'
PEERS = {"rsyslog": (RSYSLOG, rsyslog, ASSISTED), "rsyslog_disk": (RSYSLOG, rsyslog, DISK),
         "syslogng": (SYSLOGNG, syslogng, "")}


class Peer:
    """One of them on `count` lines, `runs` times: CPU-seconds a million lines and lines a second."""

    def __init__(self, name, folder, lines, runs):
        template, command, queue = PEERS[name]
        self.name, self.cpu, self.rates, self.lines = name, [], [], lines
        work = folder / name
        work.mkdir(mode=0o700)
        pki = pathlib.Path(subprocess.run([BUILD / "tests/peers/make_pki"], check=True, capture_output=True,
                                          text=True).stdout.strip())
        log, staged, conf = work / "followed.log", work / "staged", work / "conf"
        staged.write_text("".join(lines), encoding="utf-8")
        log.touch()
        sink = Sink(pki)
        conf.write_text(template.format(work=work, pki=pki, log=log, port=sink.port, queue=queue), encoding="utf-8")
        words, env = command(work, conf)
        process = Process(name, words, work / "output", env={**os.environ, **env})
        try:
            time.sleep(1)
            self.idle = memory_mib(process.pid)
            for run in range(1, runs + 1):
                self.once(process, sink, staged, log, run * len(lines))
            self.peak = memory_mib(process.pid)[2]
        finally:
            process.kill()
            sink.socket.close()
        self.bytes = sum(map(len, sink.parts)) / sink.lines
        self.check(sink.messages(), runs)

    def once(self, process, sink, staged, log, wanted):
        meter, start = Meter(process.pid), time.time()
        append(staged, log)
        wait_for(f"{self.name} to deliver", seconds=120, pause=0.1,
                 ready=lambda: sink.lines >= wanted)
        self.cpu.append(meter.total() / len(self.lines) * 1e6)
        self.rates.append(len(self.lines) / (sink.last - start))

    def row(self):
        print(f"{self.name:12} {statistics.median(self.cpu):6.2f} CPU-s/M ({min(self.cpu):.2f} to {max(self.cpu):.2f}), "
              f"{statistics.median(self.rates):8.0f} lines/s; {self.bytes:.0f} bytes a line on the wire, uncompressed; "
              f"idle {self.idle[0]:.1f} MiB resident, peak {self.peak:.1f}", flush=True)

    def check(self, messages, runs):
        """Ends the program unless each line's message came as often as it was written."""
        # rsyslog leaves the program's name in the message, syslog-ng takes it off.
        behind = " palvelin1 " if "rsyslog" in self.name else ": "
        wanted = [line.split(behind, 1)[1].strip() for line in self.lines]
        if sorted(m.strip() for m in messages) != sorted(wanted * runs):
            raise SystemExit(f"{self.name} delivered other lines than were written: no figures")
