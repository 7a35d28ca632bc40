# SPDX-License-Identifier: EUPL-1.2
"""A real OpenSSH server that logs through a real rsyslog into a file, and a client that guesses.

All of it is unpacked from Debian packages and runs in the test's folder on loopback. Where the run is
root, the servers run as the user nobody, as a server would not run its log daemon as root either.
"""
import os
import pathlib
import pwd
import subprocess

from lib import SOURCE, Skip, check, free_port, unpacked, wait_for

NOBODY = pwd.getpwnam("nobody")


def unprivileged():
    """The command's beginning that gives up root, if there is any to give up."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"]


def library_path(folder):
    return ":".join(str(p) for p in [*folder.glob("usr/lib/*-linux-gnu"),
                                     *folder.glob("lib/*-linux-gnu")])


class Rsyslog:
    """rsyslogd with the given lines of configuration; its own socket is `socket`."""

    def __init__(self, region, name, lines):
        packages = unpacked("rsyslog", "libestr0", "libfastjson4", "liblognorm5")
        self.folder = region.folder / name
        self.folder.mkdir()
        self.socket = self.folder / "log.sock"
        modules = next(packages.glob("usr/lib/*/rsyslog"))
        conf = self.folder / "rsyslog.conf"
        conf.write_text(
            f'module(load="imuxsock" SysSock.Name="{self.socket}" SysSock.Use="on" '
            'SysSock.RateLimit.Interval="0")\n' + lines, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (self.folder, conf):
                os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        env = dict(os.environ, LD_LIBRARY_PATH=library_path(packages))
        self.pidfile = self.folder / "pid"
        self.process = region.spawn(name, [
            *unprivileged(), packages / "usr/sbin/rsyslogd", "-n", "-i", self.pidfile,
            "-M", f"{modules}/", "-f", conf], env=env)
        wait_for("rsyslog", lambda: self.socket.exists() and self.alive())

    def alive(self):
        check(self.process.alive(), f"rsyslogd ended: {self.process.text()}")
        return True


AUTH_TO_FILE = """
template(name="f" type="string" string="%TIMESTAMP:::date-rfc3339% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n")
auth,authpriv.* action(type="omfile" file="{path}" template="f" fileCreateMode="0644" fileOwner="{owner}")
"""


def rsyslog_to_file(region, path, name="rsyslog"):
    """rsyslog that writes auth lines into path as Debian's own configuration does."""
    text = AUTH_TO_FILE.format(path=path, owner="nobody")
    if os.geteuid() != 0:
        text = text.replace(' fileOwner="nobody"', "")
    return Rsyslog(region, name, text)


class Sshd:
    """sshd on a high port of loopback; nobody can log in, so every password is wrong."""

    def __init__(self, region, rsyslog, name="sshd"):
        packages = unpacked("openssh-server", "openssh-client", "libwrap0")
        self.ssh = packages / "usr/bin/ssh"
        self.folder = region.folder / name
        self.folder.mkdir()
        self.port = free_port()
        env = dict(os.environ, LD_LIBRARY_PATH=library_path(packages))
        self.env = env
        key = self.folder / "hostkey"
        subprocess.run([packages / "usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
                       check=True, env=env)
        conf = self.folder / "sshd_config"
        conf.write_text(
            f"Port {self.port}\nListenAddress 0.0.0.0\nHostKey {key}\nPidFile none\nUsePAM no\n"
            "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nStrictModes no\n"
            "MaxAuthTries 10000\nMaxStartups 100\nLoginGraceTime 600\nUseDNS no\n", encoding="utf-8")
        if os.geteuid() == 0:
            for path in (self.folder, key, conf):
                os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        self.ask = self.folder / "wrong-password"
        self.ask.write_text("#!/bin/sh\necho kesa2026\n", encoding="utf-8")
        self.ask.chmod(0o755)
        self.process = region.spawn(name, [
            SOURCE / "tests/peers/with-devlog", rsyslog.socket, *unprivileged(),
            packages / "usr/sbin/sshd", "-D", "-f", conf], env=env)
        wait_for("sshd", self.listening)

    def listening(self):
        text = self.process.text()
        if not self.process.alive() and "unshare" in text or "mount:" in text:
            raise Skip(f"a mount namespace for /dev/log: {text.strip().splitlines()[-1]}")
        check(self.process.alive(), f"sshd ended: {text}")
        import socket  # pylint: disable=import-outside-toplevel
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def guess(self, user, source, tries):
        """Starts a client that really tries `tries` wrong passwords from the loopback address."""
        env = dict(self.env, SSH_ASKPASS=str(self.ask), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0",
                   HOME=str(self.folder))
        return subprocess.Popen(  # pylint: disable=consider-using-with
            [self.ssh, "-F", "none", "-b", source, "-p", str(self.port),
             "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password",
             "-o", f"NumberOfPasswordPrompts={tries}", f"{user}@127.0.0.1", "true"],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(path, text):
    """Lines of the file, and of what logrotate made of it, that hold text."""
    total = 0
    for each in sorted(pathlib.Path(path).parent.glob(pathlib.Path(path).name + "*")):
        if each.suffix == ".gz":
            import gzip  # pylint: disable=import-outside-toplevel
            data = gzip.decompress(each.read_bytes()).decode("utf-8", "replace")
        else:
            data = each.read_text(encoding="utf-8", errors="replace")
        total += sum(text in line for line in data.splitlines())
    return total
