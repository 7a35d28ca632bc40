#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false
"""The Debian packages in a clean Debian 12 root: build, install, enrol, upgrade, remove, purge."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
from lib import SOURCE, Region, Skip, check, main  # noqa: E402  pylint: disable=wrong-import-position

CACHE = pathlib.Path(os.environ.get("VARTIO_PEERS", SOURCE / "build-peers")) / "clean-root.tar"


def run(*words, code=0, **kwargs):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False,
                          timeout=900, **kwargs)
    check(code is None or done.returncode == code,
          f"{' '.join(str(w) for w in words)} ended with {done.returncode}:\n"
          f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def clean_root(folder):
    """A minimal Debian 12 with the packages' dependencies, from a cached archive where there is one."""
    root = folder / "root"
    if not CACHE.exists():
        run("debootstrap", "--variant=minbase", "bookworm", root)
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        run("tar", "-C", root, "-cf", f"{CACHE}.part", ".")
        os.rename(f"{CACHE}.part", CACHE)
    else:
        root.mkdir()
        run("tar", "-C", root, "-xf", CACHE)
    for name in ("/etc/resolv.conf", "/etc/apt/apt.conf.d"):
        source = pathlib.Path(name)
        if source.is_file():
            shutil.copy(source, f"{root}{name}")
    return root


def inside(root, *words, code=0, stdin=None):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8",
           **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}
    return run("unshare", "--pid", "--fork", "--mount-proc=" + str(root / "proc"), "--kill-child",
               "chroot", root, *words, code=code, env=env, input=stdin)


def build(version, folder):
    out = folder / f"debs-{version}"
    run(SOURCE / "packaging/deb/build", out, env=dict(os.environ, VARTIO_DEB_VERSION=version))
    return sorted(p for p in out.glob("*.deb") if "dbgsym" not in p.name)


def packages(build_folder):
    """both packages install, enrol, upgrade, remove and purge"""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise Skip("a clean root needs root and debootstrap")
    with tempfile.TemporaryDirectory(prefix="vartio-root-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        first, second = build("0.1.0", folder), build("0.1.1", folder)
        root = clean_root(folder)
        put(root, first)
        inside(root, "apt-get", "update", "-qq")
        inside(root, "apt-get", "install", "-y", "-qq", "--no-install-recommends",
               *[f"/debs/{p.name}" for p in first])
        installed(root)
        enrol(root, build_folder, folder)
        upgraded(root, second)
        removed(root)


def put(root, debs):
    (root / "debs").mkdir(exist_ok=True)
    for deb in debs:
        shutil.copy(deb, root / "debs")


def installed(root):
    for daemon in ("agent", "collector"):
        check((root / f"usr/lib/systemd/system/vartio-{daemon}.service").exists()
              or (root / f"lib/systemd/system/vartio-{daemon}.service").exists(), f"no unit of {daemon}")
        who = inside(root, "getent", "passwd", f"vartio-{daemon}")
        check("/usr/sbin/nologin" in who, f"user of {daemon}: {who}")
        state = (root / f"var/lib/vartio-{daemon}").stat()
        check(state.st_mode & 0o777 == 0o700 and state.st_uid != 0, f"state folder of {daemon}")
    check("rules loaded, 0 rejected" in inside(root, "vartio-collector", "rules", "check",
                                               "/usr/share/vartio/rules"), "the packaged rules")
    for page in ("vartio-agent", "vartio-collector"):
        check((root / f"usr/share/man/man8/{page}.8.gz").exists()
              or "man" in (root / "etc/dpkg/dpkg.cfg.d").as_posix(), f"no manual of {page}")


def enrol(root, build_folder, folder):
    """The installed agent enrols at a collector outside the root, over loopback."""
    outside = folder / "outside"
    outside.mkdir()
    reg = Region(build_folder, outside)
    try:
        reg.start_collector()
        reg.tenant()
        said = inside(root, "vartio-agent", "enrol", "-", stdin=reg.token() + "\n")
        state = root / "var/lib/vartio-agent"
        for name in ("agent.key", "agent.crt", "ca.crt"):
            check((state / name).exists(), f"no {name} after enrolling: {said}")
            check((state / name).stat().st_uid == state.stat().st_uid,
                  f"{name} does not belong to the agent's user")
        check((root / "etc/vartio/agent.yml").exists(), f"no agent.yml after enrolling: {said}")
        inside(root, "setpriv", "--reuid=vartio-agent", "--regid=vartio-agent", "--init-groups",
               "vartio-agent", "check", code=None)
    finally:
        reg.close()


def upgraded(root, debs):
    key = (root / "var/lib/vartio-agent/agent.key").read_bytes()
    conf = (root / "etc/vartio/collector.yml").read_text(encoding="utf-8") + "# changed by the admin\n"
    (root / "etc/vartio/collector.yml").write_text(conf, encoding="utf-8")
    put(root, debs)
    inside(root, "apt-get", "install", "-y", "-qq", "-o", "Dpkg::Options::=--force-confold",
           *[f"/debs/{p.name}" for p in debs])
    check("0.1.1" in inside(root, "dpkg-query", "-W", "vartio-agent"), "the upgrade did not happen")
    check((root / "var/lib/vartio-agent/agent.key").read_bytes() == key, "the key changed")
    check((root / "etc/vartio/collector.yml").read_text(encoding="utf-8") == conf, "settings changed")


def removed(root):
    said = inside(root, "apt-get", "remove", "-y", "vartio-agent", "vartio-collector")
    check("kept" in said and (root / "var/lib/vartio-agent/agent.key").exists(), f"remove: {said}")
    said = inside(root, "apt-get", "purge", "-y", "vartio-agent", "vartio-collector")
    check("deleting" in said and not (root / "var/lib/vartio-agent").exists()
          and not (root / "etc/vartio/agent.yml").exists(), f"purge: {said}")


main(packages)
