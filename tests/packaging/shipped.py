#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (reads what is shipped, which is built without one)
"""What the packages carry besides the programs: units, manual pages, examples of settings."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
from lib import SOURCE, Skip, check, equal, main  # noqa: E402  pylint: disable=wrong-import-position

# systemd-analyze's exposure, times ten; docs/operations.md names what remains.
EXPOSURE_MAX = 18


def run(*words):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=120)
    return done.returncode, done.stdout


def analyze(*words):
    if shutil.which("systemd-analyze") is None:
        raise Skip("systemd-analyze is not here")
    return run("systemd-analyze", *words)


def units(build):
    """systemd finds nothing wrong in the units"""
    with tempfile.TemporaryDirectory(prefix="vartio-units-") as folder:
        made = []
        for source in sorted((SOURCE / "packaging/systemd").iterdir()):
            if source.suffix not in (".service", ".path"):
                continue
            daemon = source.stem.split("-")[1]
            made.append(pathlib.Path(folder, source.name))
            made[-1].write_text(source.read_text(encoding="utf-8").replace(
                f"/usr/bin/{source.stem} ", f"{build}/{daemon}/{source.stem} "), encoding="utf-8")
        check(len(made) == 3, f"the units are {made}")
        code, said = analyze("verify", "--man=no", *made)
        equal((code, said), (0, ""), "systemd-analyze verify")


def exposure(_build):
    """the services are as closed as the documentation says"""
    for unit in ("vartio-agent.service", "vartio-collector.service"):
        code, said = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager",
                             SOURCE / "packaging/systemd" / unit)
        check(code == 0, f"{unit} is exposed more than {EXPOSURE_MAX / 10}:\n{said}")


def manuals(build):
    """the manual pages render without a warning, and name every setting and command"""
    if shutil.which("groff") is None:
        raise Skip("groff is not here")
    for program, words in (("vartio-agent", ("state_dir", "spool.max_bytes", "syslog-udp", "enrol")),
                           ("vartio-collector", ("state_dir", "notify.mail.maildir", "tenant add"))):
        page = build / f"packaging/man/{program}.8"
        done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-rLL=100n", "-P-cbou", page],
                              capture_output=True, text=True, check=False, timeout=60)
        equal((done.returncode, done.stderr), (0, ""), f"groff on {page.name}")
        text = " ".join(done.stdout.replace("\u2010", "-").replace("\u2212", "-").split())
        for word in (*words, *commands(build / program.split("-")[1] / program)):
            check(word in text, f"{page.name} does not speak of {word}")


def commands(program):
    """"tenant add" of "  tenant add ID --name NAME" in the program's help"""
    said = run(program, "help")[1]
    return [" ".join(re.match(r"(?: [a-z]+)+(?= |$)", line[1:])[0].split())
            for line in said.splitlines() if re.match(r"  [a-z]", line)]


def settings(build):
    """the settings that the packages carry are good ones"""
    conf = SOURCE / "packaging/conf"
    code, said = run(build / "collector/vartio-collector", "rules", "check", SOURCE / "rules",
                     "--config", conf / "collector.yml")
    check(code == 0, f"collector.yml: {said}")
    code, said = run(build / "agent/vartio-agent", "check", "--config", conf / "agent.yml.example")
    # Not enrolled, and perhaps no such logs here: but the file itself was read.
    check("not enrolled" in said and "agent.yml.example:" not in said, f"agent.yml.example: {said}")


def examples(build):
    """the examples of all shipped rules pass, each rule has some, and one that fails is told"""
    code, said = run(build / "collector/vartio-collector", "rules", "test", SOURCE / "rules")
    last = said.splitlines()[-1]
    found = re.fullmatch(r"(\d+) examples passed, 0 failed; 0 rules have none, 0 do not load", last)
    check(code == 0 and found is not None and int(found[1]) > 100, said[-2000:])
    with tempfile.TemporaryDirectory(prefix="vartio-rules-") as folder:
        copy = pathlib.Path(folder) / "rules"
        shutil.copytree(SOURCE / "rules", copy)
        rule = next(p for p in sorted(copy.rglob("*.yml")) if "no_match:" in p.read_text(encoding="utf-8"))
        text = rule.read_text(encoding="utf-8")
        # What must match and what must not change places.
        text = text.replace("no_match:", "was_no:").replace("match:", "no_match:").replace("was_no:", "match:")
        rule.write_text(text, encoding="utf-8")
        code, said = run(build / "collector/vartio-collector", "rules", "test", copy)
        check(code == 1 and rule.name in said, f"{rule.name}: {said[-2000:]}")


main(units, exposure, manuals, settings, examples)
