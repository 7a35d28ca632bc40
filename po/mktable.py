#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Turns compiled gettext catalogues into the C table that common/base/i18n.c searches.

Usage: mktable.py OUT.c fi.mo sv.mo en.mo   (in the order of enum lang)
"""
import gettext
import sys


def c_string(text):
    out = []
    for byte in text.encode("utf-8"):
        # Octal escapes have at most three digits, so no following digit can join one.
        out.append(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else "\\%03o" % byte)
    return '"%s"' % "".join(out)


def catalogue(path):
    with open(path, "rb") as file:
        pairs = gettext.GNUTranslations(file)._catalog
    return {key: value for key, value in pairs.items() if key and isinstance(key, str)}


def main(out, *paths):
    tables = [catalogue(path) for path in paths]
    msgids = sorted({msgid for table in tables for msgid in table}, key=lambda s: s.encode("utf-8"))
    with open(out, "w", encoding="ascii") as file:
        file.write("/* Made by po/mktable.py from the catalogues in po/. */\n")
        file.write('#include "common/base/i18n.h"\n\nconst struct i18n_row i18n_rows[] = {\n')
        for msgid in msgids:
            texts = [c_string(table.get(msgid) or msgid) for table in tables]
            file.write("\t{ %s,\n\t  { %s } },\n" % (c_string(msgid), ",\n\t    ".join(texts)))
        file.write("};\nconst size_t i18n_n_rows = sizeof(i18n_rows) / sizeof(i18n_rows[0]);\n")


main(*sys.argv[1:])
