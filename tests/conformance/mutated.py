#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (fuzz_engine runs the same comparison with one)
"""mutated.py BUILD-FOLDER [SEED N]: all of SigmaHQ's rules on recorded Windows events that are made to
fit one rule or nearly so: the engine and the slow evaluator must agree. Prints TAP."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.dont_write_bytecode = True
import sigmahq  # noqa: E402


def main(build, *seeds):
    corpus = os.environ.get("VARTIO_CORPUS")
    if not corpus:
        print("1..1\nok 1 - mutated # SKIP VARTIO_CORPUS is not set: no recorded Windows events")
        return
    base = pathlib.Path(corpus) / "sigma"
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as out:
        for event in sigmahq.events(base):
            line = json.dumps(sigmahq.winlog(event), ensure_ascii=False, separators=(",", ":"))
            out.write(line + "\n")
        out.flush()
        print("1..1", flush=True)
        done = subprocess.run([pathlib.Path(build).resolve() / "tests/fuzz/fuzz_rules",
                               ROOT / "rules/logsources.yml", ROOT / "rules/fieldmap.yml",
                               base / "rules", out.name, *(["--seeds", *seeds] if seeds else [])],
                              check=False, timeout=None if seeds else 590)
    sys.exit(done.returncode)


main(*sys.argv[1:])
