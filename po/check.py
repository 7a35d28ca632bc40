#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Checks the catalogues against the code: every marked text is in vartio.pot and translated in all
languages, no translation is left over or unsure, and the {placeholders} agree. Prints TAP.

Usage: check.py SOURCE_ROOT
       check.py SOURCE_ROOT --update    writes vartio.pot anew and merges it into the catalogues
"""
import os
import re
import subprocess
import sys

LANGS = ("fi", "sv", "en")
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def xgettext(root):
    """The texts that the code marks, as a template."""
    command = ["xgettext", "--language=C", "--keyword=", "--keyword=N_", "--keyword=tr:2",
               "--from-code=UTF-8", "--no-location", "--sort-output", "--omit-header",
               "--directory", root, "--files-from", os.path.join(root, "po/POTFILES"),
               "--output=-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def entries(text):
    """(flags, msgid, msgstr) of each entry of a catalogue."""
    for block in re.split(r"\n\s*\n", text.strip()):
        flags, field, value = "", None, {"msgid": "", "msgstr": ""}
        for line in block.splitlines():
            if line.startswith("#~"):
                flags += " obsolete"
                continue
            if line.startswith("#,"):
                flags += line[2:]
            match = re.match(r'(?:(msgid|msgstr) )?"(.*)"$', line)
            if match:
                field = match.group(1) or field
                value[field] += re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        yield flags, value["msgid"], value["msgstr"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return list(entries(file.read()))


def faults_of(lang, wanted, found):
    faults = []
    have = {msgid: (flags, msgstr) for flags, msgid, msgstr in found if msgid}
    if any("obsolete" in flags for flags, _, _ in found):
        faults.append("holds obsolete entries")
    for msgid in sorted(wanted | set(have)):
        flags, msgstr = have.get(msgid, ("", ""))
        if msgid not in have:
            faults.append("lacks: %r" % msgid)
        elif msgid not in wanted:
            faults.append("no longer in the code: %r" % msgid)
        elif not msgstr or "fuzzy" in flags:
            faults.append("not translated: %r" % msgid)
        elif sorted(PLACEHOLDER.findall(msgid)) != sorted(PLACEHOLDER.findall(msgstr)):
            faults.append("placeholders differ: %r" % msgid)
        elif lang == "en" and msgid != msgstr:
            faults.append("English differs from the code: %r" % msgid)
    return faults


def update(root):
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    pot = os.path.join(root, "po/vartio.pot")
    with open(pot, "w", encoding="utf-8") as file:
        file.write("# Texts of Vartio. SPDX-License-Identifier: EUPL-1.2\n" + header)
        file.write(xgettext(root))
    for lang in LANGS:
        path = os.path.join(root, "po/%s.po" % lang)
        subprocess.run(["msgmerge", "--quiet", "--update", "--backup=none", "--no-fuzzy-matching",
                        "--sort-output", path, pot], check=True)
        if lang == "en":
            subprocess.run(["msgen", "--output-file", path, path], check=True)
        subprocess.run(["msgattrib", "--no-obsolete", "--output-file", path, path], check=True)


def main(root, *options):
    if options == ("--update",):
        return update(root)
    wanted = {msgid for _, msgid, _ in entries(xgettext(root)) if msgid}
    results = [("the code marks texts", [] if wanted else ["xgettext found none"])]
    found = {msgid for _, msgid, _ in read(os.path.join(root, "po/vartio.pot")) if msgid}
    results.append(("vartio.pot is what the code marks", ["%r" % m for m in wanted ^ found]))
    for lang in LANGS:
        catalogue = read(os.path.join(root, "po/%s.po" % lang))
        results.append(("%s.po is whole" % lang, faults_of(lang, wanted, catalogue)))
    print("1..%d" % len(results))
    for number, (name, faults) in enumerate(results, 1):
        print("%s %d - %s" % ("not ok" if faults else "ok", number, name))
        for fault in faults:
            print("# " + fault)
    sys.exit(any(faults for _, faults in results))


main(*sys.argv[1:])
