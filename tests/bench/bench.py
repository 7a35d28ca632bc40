# SPDX-License-Identifier: EUPL-1.2
"""What the benchmarks share: the release build, CPU-seconds and memory of our own processes."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests")]
sys.dont_write_bytecode = True
BUILD = ROOT / "build"
TICKS = os.sysconf("SC_CLK_TCK")


def need_build(*programs):
    """The build, with helpers of the tests that the quickstart's build leaves out: made when missing."""
    if not (BUILD / "collector/vartio-collector").exists():
        sys.exit("no build: run ./packaging/quickstart --once, or meson setup build && ninja -C build")
    missing = [p for p in programs if not (BUILD / p).exists()]
    if missing:
        print(f"building {', '.join(missing)}", file=sys.stderr, flush=True)
        made(["meson", "configure", str(BUILD), "-Dtests=enabled"])
        made(["ninja", "-C", str(BUILD), *missing])
    return BUILD


def made(command):
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not here, and helpers must be built: apt install meson ninja-build "
                 "libcmocka-dev; no figures")
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-2000:]}\n{' '.join(command)} failed; helpers need libcmocka-dev "
                 "(apt install libcmocka-dev); no figures")


def cpu_seconds(pid):
    """User and system time of a process of ours so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    options = json.loads((BUILD / "meson-info/intro-buildoptions.json").read_text(encoding="utf-8"))
    kind = next(o["value"] for o in options if o["name"] == "buildtype")
    return f"{os.cpu_count()} cores of {model}, {kind} build"


def thread_seconds(pid):
    """CPU-seconds of each thread of a process so far, to the nanosecond, by the thread's name."""
    out = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text(encoding="ascii", errors="replace").strip()
            spent = int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        except OSError:
            continue  # it has ended meanwhile
        out[name] = out.get(name, 0.0) + spent
    return out


class Meter:
    """What a process spends from now on."""

    def __init__(self, pid):
        self.pid, self.start = pid, thread_seconds(pid)

    def threads(self):
        return {name: spent - self.start.get(name, 0.0)
                for name, spent in thread_seconds(self.pid).items()}

    def total(self):
        return sum(self.threads().values())
