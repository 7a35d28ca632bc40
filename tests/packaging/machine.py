# SPDX-License-Identifier: EUPL-1.2
"""A Debian 12 of its own in a folder, booted with systemd as a container: what an administrator's
machine does with the packages is seen there and leaves nothing on this one. It shares the network, so
that a collector on loopback can be reached from inside.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
from lib import SOURCE, Process, Skip, check, unpacked, wait_for  # noqa: E402  pylint: disable=wrong-import-position

CACHE = pathlib.Path(os.environ.get("VARTIO_PEERS", SOURCE / "build-peers")) / "clean-root.tar"
# What reaches the mirrors from here; the rest of the host's apt settings is the host's own business.
APT = re.compile(r"^Acquire::((http|https)::|Check-|Retries|ForceIPv)")


def run(*words, code=0, seconds=300, **kwargs):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=seconds, errors="replace", **kwargs)
    check(code is None or done.returncode == code,
          f"{' '.join(str(w) for w in words)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def environment():
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8",
            **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}


def sources():
    """Debian 12 as the host's apt reaches it: (address, suite, component)."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)",
                 "Created-By: Packages", code=None)
    found = {tuple(line.split()[1:]) for line in listed.splitlines()
             if line.startswith("Debian http") and len(line.split()) == 4}
    found = sorted(s for s in found if s[1].startswith("bookworm"))
    if not any(s[1] == "bookworm" for s in found):
        raise Skip("apt here knows no mirror of Debian 12")
    return found


def unpack(root):
    """A minimal Debian 12 with systemd, from the archive of an earlier run where there is one."""
    if not CACHE.exists():
        mirror = next(s[0] for s in sources() if s[1] == "bookworm")
        done = subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv",
                               "bookworm", root, mirror], capture_output=True, text=True, check=False,
                              timeout=550)
        if done.returncode != 0:
            raise Skip(f"debootstrap cannot make a clean root: {(done.stdout + done.stderr)[-300:].strip()}")
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        run("tar", "-C", root, "-cf", f"{CACHE}.part", ".")
        os.rename(f"{CACHE}.part", CACHE)
    else:
        root.mkdir()
        run("tar", "-C", root, "-xf", CACHE)
    configure_apt(root)


def configure_apt(root):
    apt = root / "etc/apt"
    (apt / "sources.list").write_text("".join(f"deb {' '.join(s)}\n" for s in sources()), encoding="ascii")
    dump = run("apt-config", "dump").splitlines()
    (apt / "apt.conf.d/99host").write_text("".join(f"{line}\n" for line in dump if APT.match(line)),
                                           encoding="utf-8")
    for folder in ("etc/apt/trusted.gpg.d", "etc/apt/keyrings", "usr/share/keyrings", "etc/apt/auth.conf.d"):
        if pathlib.Path("/", folder).is_dir():
            shutil.copytree(pathlib.Path("/", folder), root / folder, dirs_exist_ok=True)
    authorities = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.is_file() and not (root / str(authorities)[1:]).exists():
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy(authorities, root / "etc/ssl/certs")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(pathlib.Path("/etc", name), root / "etc" / name)


class Machine:
    """The root, booted. Everything in it ends with it."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "root"
        self.name = f"vartio-test-{os.getpid()}"
        self.process = self.leader = None
        unpack(self.root)

    def boot(self):
        tools = unpacked("systemd-container", "libsystemd-shared")
        env = dict(environment(), LD_LIBRARY_PATH=":".join(str(p) for p in tools.glob("usr/lib/*/systemd")))
        nspawn = [tools / "usr/bin/systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                  f"--machine={self.name}", "-D", self.root]
        probe = subprocess.run([str(w) for w in [*nspawn, "true"]], capture_output=True, text=True,
                               check=False, env=env, stdin=subprocess.DEVNULL, timeout=60)
        if probe.returncode != 0:
            raise Skip(f"no container can be run here: {(probe.stdout + probe.stderr)[-300:].strip()}")
        self.process = Process("machine", [*nspawn, "-b"], self.folder / "machine.log", env=env)
        self.leader = wait_for("the machine's first process", self.find_leader)
        wait_for("the machine to have booted", self.booted)

    def find_leader(self):
        check(self.process.alive(), f"the machine ended: {self.process.text()[-3000:]}")
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)
            except OSError:
                continue
            if int(rest.split()[1]) == self.process.pid and name.endswith("(systemd"):
                return int(stat.parent.name)
        return None

    def booted(self):
        return self.run("systemctl", "is-system-running", code=None).strip() in ("running", "degraded")

    def run(self, *words, code=0, stdin=""):
        return run("nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--pid", "--cgroup",
                   "--root", "--wd", "--", *words, code=code, env=environment(), input=stdin)

    def active(self, unit):
        return self.run("systemctl", "is-active", unit, code=None).strip() == "active"

    def shows(self, unit, what):
        return self.run("systemctl", "show", "--value", "-p", what, unit).strip()

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "-n", "40", "-o", "cat", "-u", unit, code=None)

    def stop(self):
        if self.process is not None and self.process.alive():
            self.process.stop()
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self.name}", ignore_errors=True)
