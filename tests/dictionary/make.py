#!/usr/bin/env python3
"""Makes sync/dictionary.bin, zlib's preset dictionary 1, from the demo's street-crime data and the
code lists of the first pack (words.txt, as they stood then: a pack may change, this may not).

A frame that repeats words of the trade is shorter when both ends know them already. zlib looks back
from the end, and near matches cost fewer bits, so the rarest comes first and the commonest last; the
very last is the skeleton of an entry. Words are written as they travel, as CBOR text, because a
match that takes in the head as well is one match instead of two.

The bytes of dictionary 1 are frozen: peers name it by its number, so another byte in it needs
another number. This script shows where they came from; with --check it says whether it still makes
them. Usage: tests/dictionary/make.py [--check]
"""

import collections
import csv
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "sync" / "dictionary.bin"
SIZE_MAX = 32 * 1024
PLACES = 160  # more of them costs every frame time and saves few of them a byte
AREAS = 60


def head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError(argument)


def text(value):
    data = value.encode()
    return head(3, len(data)) + data


def rows():
    for path in sorted((ROOT / "tests" / "demo" / "data").glob("street-*.csv")):
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def rarest_first(counter, limit=None):
    """The `limit` commonest, rarest first; equals by name, so that the order is always the same."""
    commonest = sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return [value for value, _ in reversed(commonest) if value]


def integer(value):
    return head(0, value) if value >= 0 else head(1, -1 - value)


def decimal(value):
    """Six places, scaled, as the pack's longitude and latitude are."""
    whole, _, part = value.lstrip("-").partition(".")
    scaled = int(whole + part.ljust(6, "0"))
    return integer(-scaled if value.startswith("-") else scaled)


COLUMNS = ((1, "Crime ID", text), (2, "Month", text), (3, "Reported by", text),
           (4, "Falls within", text), (5, "Longitude", decimal), (6, "Latitude", decimal),
           (7, "Location", text), (8, "LSOA code", text), (9, "LSOA name", text),
           (10, "Crime type", text), (11, "Last outcome category", text))


def skeleton(row, seq):
    """An entry that makes a crime's record of a row: protocol.md 3. Zeros stand for entropy."""
    ops = [head(4, 3) + head(0, field) + head(4, 0) + encode(row[column])
           for field, column, encode in COLUMNS if row[column]]
    part = bytes(8) + head(4, 4) + head(0, 16) + head(2, 16) + bytes(16) + head(4, 0)
    part += head(4, len(ops)) + b"".join(ops)
    hlc = 1540000000000 << 16  # October 2018: its high bytes hold for years
    numbers = b"".join(head(0, n) for n in (seq, seq - 1, 2, hlc, 3, 1))
    return (head(4, 9) + numbers + text("PC 1") + head(7, 22) + head(4, 1) +
            head(2, len(part)) + part)


def dictionary():
    count = {name: collections.Counter() for name in ("Location", "LSOA code", "LSOA name", "Month",
                                                      "Crime type", "Last outcome category",
                                                      "Reported by")}
    typical = {}
    for row in rows():
        for name, counter in count.items():
            counter[row[name]] += 1
        if row["LSOA code"] and row["Last outcome category"]:
            typical.setdefault(row["Reported by"], row)
    prefix = "On or near "
    seen = set().union(*count.values())
    words = (ROOT / "tests" / "dictionary" / "words.txt").read_text().splitlines()
    # A match is three bytes at least: codes such as "A1" are not worth their place.
    out = [text(word) for word in words if word not in seen and len(word) > 3]
    out += [text(code) for code in rarest_first(count["LSOA code"], AREAS)]
    out += [place.removeprefix(prefix).encode()
            for place in rarest_first(count["Location"], PLACES)]
    for name, limit in (("LSOA name", AREAS), ("Last outcome category", None), ("Month", None),
                        ("Crime type", None), ("Reported by", None)):
        out += [text(value) for value in rarest_first(count[name], limit)]
    for force in rarest_first(count["Reported by"]):
        if force in typical:
            row = dict(typical[force], **{"Crime ID": "0123456789abcdef" * 4})
            out.append(skeleton(row, 24))
    return b"".join(out)


def main():
    made = dictionary()
    assert len(made) <= SIZE_MAX, len(made)
    if sys.argv[1:] == ["--check"]:
        same = OUT.read_bytes() == made
        print(f"{OUT.name}: {'as made here' if same else 'DIFFERS from what is made here'}")
        return 0 if same else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    OUT.write_bytes(made)
    print(f"{OUT.name}: {len(made)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
