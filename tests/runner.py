#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Builds Vartio and runs its tests; called by tests/run, which installs what is needed.

A test is a program that prints TAP: the C programs that meson knows, and the executable scripts in
SCRIPT_DIRS, which get the build folder as their only argument. Each "ok" and "not ok" line counts;
a program that dies, hangs or prints no such line counts as one failure. As many run side by side as
there are processors: most of a script's time is waiting. A script says among its first lines:

    # sanitize: false (why)   it is not run with a sanitizer
    # long: true (why)        it is only run with --long
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# In the order in which they begin: the longest first, so that all processors have work until the end.
SCRIPT_DIRS = ("packaging", "fault", "conformance", "e2e", "style")
# What a sanitizer changes: the build folder, and how it is set up. undefined symbols are the
# sanitizer's own, which clang leaves to the linker of the program.
KINDS = {
    None: ("build-tests", []),
    "sanitize": ("build-sanitize", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "thread": ("build-thread", ["-Db_sanitize=thread", "-Db_lundef=false"]),
}
LINE = re.compile(r"^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*(.*?)\s*(?:#\s*(SKIP|skip)\b\s*(.*))?$")
MARK = re.compile(r"^# (sanitize|long): (true|false)\b", re.M)
C_SECONDS, SCRIPT_SECONDS, LONG_SECONDS = 180, 600, 8 * 3600


class Test:
    def __init__(self, name, command, seconds):
        self.name, self.command, self.seconds = name, command, seconds
        self.passed, self.failed, self.skipped = [], [], []
        self.output, self.took = "", 0.0

    def run(self, env):
        start = time.monotonic()
        # A session of its own, so that what a dying test leaves behind ends with it.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryDirectory(prefix="vartio-") as tmp:
            os.chmod(tmp, 0o755)  # servers that a test starts as nobody must get through
            child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                cwd=tmp, env=dict(env, TMPDIR=tmp), start_new_session=True)
            try:
                code = child.wait(self.seconds)
            except subprocess.TimeoutExpired:
                code = f"no end after {self.seconds} s"
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            out.seek(0)
            self.output = out.read().decode("utf-8", "replace")
        self.took = time.monotonic() - start
        self.count(code)
        return self

    def count(self, code):
        for line in self.output.splitlines():
            match = LINE.match(line)
            if match is None:
                continue
            failed, title, skip, reason = match.groups()
            if skip:
                self.skipped.append(f"{self.name}: {title or 'all'}: {reason}")
            else:
                (self.failed if failed else self.passed).append(f"{self.name}: {title}")
        if code != 0 and not self.failed:
            self.failed.append(f"{self.name}: ended with {code}")
        if not (self.passed or self.failed or self.skipped):
            self.failed.append(f"{self.name}: printed no result")


def build(folder, options):
    log = folder.with_suffix(".log")
    werror = ["--werror"] if os.environ.get("CI") else []
    steps = []
    if not (folder / "build.ninja").exists():
        steps.append(["meson", "setup", *werror, *options, str(folder), str(ROOT)])
    steps.append(["ninja", "-C", str(folder)])
    with open(log, "w", encoding="utf-8") as out:
        for step in steps:
            if subprocess.run(step, stdout=out, stderr=subprocess.STDOUT, check=False).returncode:
                out.flush()
                sys.stdout.write(log.read_text(encoding="utf-8", errors="replace")[-8000:])
                print(f"the build failed; the whole log: {log}")
                print("0 passed, 1 failed")
                sys.exit(1)


def collect(folder, args):
    listed = subprocess.run(["meson", "introspect", "--tests", str(folder)], check=True,
                            capture_output=True, text=True).stdout
    slow = 4 if args.kind else 1
    seconds = C_SECONDS * slow
    tests = [Test(t["name"], t["cmd"], LONG_SECONDS if args.long else seconds)
             for t in json.loads(listed)]
    for name in SCRIPT_DIRS:
        for path in sorted((ROOT / "tests" / name).glob("*.py")):
            marks = dict(MARK.findall(path.read_text(encoding="utf-8")[:600]))
            if not os.access(path, os.X_OK) or (marks.get("long") == "true" and not args.long) \
                    or (marks.get("sanitize") == "false" and args.kind):
                continue
            # Each schedule of faults has a bound of its own; this one is for all of them.
            seconds = SCRIPT_SECONDS * slow * (2 if name == "fault" else 1)
            tests.append(Test(f"{name}/{path.stem}", ["/usr/bin/python3", str(path), str(folder)],
                              LONG_SECONDS if args.long else seconds))
    if args.names:
        tests = [t for t in tests if any(n in (t.name, t.name.split("/")[-1]) for n in args.names)]
        if not tests:
            sys.exit(f"no test is called {' or '.join(args.names)}; see ./tests/run --list")
    return tests


def environment(args):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    env.update(LANG="C.UTF-8", TZ="UTC", VARTIO_SOURCE=str(ROOT),
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
               UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:exitcode=99",
               TSAN_OPTIONS="halt_on_error=0:second_deadlock_stack=1:exitcode=99:"
                            f"suppressions={ROOT}/tests/tsan.supp")
    env["VARTIO_PEERS"] = env.get("VARTIO_PEERS", str(ROOT / "build-peers"))
    if args.long:
        env["VARTIO_LONG"] = "1"
    if args.kind:
        env["VARTIO_SANITIZE"] = "1"
    corpus = env.get("VARTIO_CORPUS")
    if corpus is not None and not (os.path.isdir(corpus) and os.listdir(corpus)):
        print(f"VARTIO_CORPUS={corpus} is empty or no folder: unset it, or name the corpus")
        print("0 passed, 1 failed")
        sys.exit(1)
    return env


def report(test):
    if test.failed:
        print(f"---- {test.name} ----")
        print(test.output[-12000:].rstrip())
    state = "FAILED" if test.failed else "ok"
    print(f"{test.name:36} {state:7} {len(test.passed):4} passed {test.took:7.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds and runs the tests.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--long", action="store_true", help="also what takes hours")
    parser.add_argument("--sanitize", dest="kind", action="store_const", const="sanitize",
                        help="with the address and undefined-behaviour sanitizers")
    parser.add_argument("--thread", dest="kind", action="store_const", const="thread",
                        help="with the thread sanitizer")
    args = parser.parse_args()
    env = environment(args)
    name, options = KINDS[args.kind]
    folder = ROOT / name
    build(folder, ["-Dtests=enabled", *options])
    tests = collect(folder, args)
    if args.list:
        for test in tests:
            print(test.name)
        return 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for done in concurrent.futures.as_completed(
                [pool.submit(t.run, env) for t in tests]):
            report(done.result())
    failed = [line for t in tests for line in t.failed]
    skipped = [line for t in tests for line in t.skipped]
    passed = sum(len(t.passed) for t in tests)
    for line in failed:
        print(f"failed: {line}")
    for line in skipped:
        print(f"skipped: {line}")
    total = f"{passed} passed, {len(failed)} failed"
    print(total + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
