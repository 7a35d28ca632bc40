# SPDX-License-Identifier: EUPL-1.2
"""embed.py OUT LOGSOURCES FIELDMAP: what detect carries with it, as C.
The two data files as text, and Unicode's simple lower case of each character that has one."""
import pathlib
import sys


def text(name, path):
    data = pathlib.Path(path).read_bytes()
    rows = [", ".join(map(str, data[i:i + 24])) for i in range(0, len(data), 24)]
    return (f"const char {name}[] = {{\n\t" + ",\n\t".join(rows) + ",\n};\n"
            f"const size_t {name}_n = sizeof({name});\n")


def folds():
    for c in range(0x80, 0x110000):
        low = "i" if c == 0x130 else chr(c).lower()  # the one whose full mapping has two characters
        if len(low) == 1 and ord(low) != c:
            yield c, ord(low)


out, logsources, fieldmap = sys.argv[1:4]
pairs = list(folds())
pathlib.Path(out).write_text(
    "/* Made by embed.py. */\n#include \"collector/detect/data.h\"\n\n"
    + text("data_logsources", logsources) + text("data_fieldmap", fieldmap)
    + "const struct fold_pair fold_pairs[] = {\n"
    + "".join(f"\t{{ {a:#x}, {b:#x} }},\n" for a, b in pairs)
    + f"}};\nconst size_t fold_pairs_n = {len(pairs)};\n")
