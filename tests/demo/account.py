#!/usr/bin/env python3
"""The account: was everything that an officer was told is safe really kept, and is nothing hidden?

It shares no code with holdfast. It reads the stores' files with Python's SQLite and a small CBOR reader
of its own, folds the entries by docs/protocol.md, and compares with the journals that the driver
synced to disk at every "saved" and every acknowledgement. So the engine does not grade itself.

usage: account.py --hub FILE --pack FILE --journal FILE [--journal ...] [--node NAME=FILE ...]
                  [--at-kill FILE]
Prints one JSON object. Exit: 0 all held, 1 something is missing, hidden or unequal.
"""
import argparse
import hashlib
import json
import sqlite3
import sys

DELETED = 0
FIRST_PACK_TYPE = 16


# ---- CBOR: just what entries hold ----
def cbor(data, at=0):
    """Returns (value, next offset). Byte strings stay bytes; undefined is Ellipsis."""
    head = data[at]
    major, low = head >> 5, head & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None, 23: ...}[low], at
    if low >= 24:
        width = 1 << (low - 24)
        number = int.from_bytes(data[at:at + width], "big")
        at += width
    else:
        number = low
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        chunk = data[at:at + number]
        return (bytes(chunk) if major == 2 else chunk.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, at = cbor(data, at)
            pairs[key], at = cbor(data, at)
        return pairs, at
    raise ValueError(f"major type {major}")


def head_bytes(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes([major << 5 | code]) + number.to_bytes(width, "big")
    raise ValueError(number)


def encode(value):
    if value is ...:
        return b"\xf7"
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head_bytes(0, value) if value >= 0 else head_bytes(1, -1 - value)
    if isinstance(value, bytes):
        return head_bytes(2, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return head_bytes(3, len(raw)) + raw
    if isinstance(value, list):
        return head_bytes(4, len(value)) + b"".join(encode(item) for item in value)
    return head_bytes(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


# ---- one store's entries ----
class Write:
    """One write: where, when, by whom, what it holds and what it overwrites."""

    def __init__(self, dot, prefix, hlc, quality, actor, device, value, cites):
        self.dot, self.prefix, self.hlc, self.quality = dot, prefix, hlc, quality
        self.actor, self.device, self.value, self.cites = actor, device, value, cites


def entry_hash(origin, lane, body):
    parts = []
    for part in body[8]:
        parts.append(hashlib.sha256(b"\x02" + part).digest() if isinstance(part, bytes) else part[0])
    header = [1, origin, lane, *body[0:8], parts]
    return hashlib.sha256(b"\x00" + encode(header)).digest()


def read_store(path):
    """Returns ({(origin, lane, seq)}, {(type, id, scope): {field: [Write]}}, {(type, id, field)} listed)."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    origins = {no: (bytes(key), name) for no, key, name in
               db.execute("SELECT no,id,name FROM origin")}
    dots, records = set(), {}
    for log, seq, withheld, sealed in db.execute(
            "SELECT log,seq,withheld,body FROM entry ORDER BY position"):
        origin, device = origins[log >> 3]
        lane = log & 7
        dots.add((origin, lane, seq))
        if withheld:
            continue
        body, _ = cbor(sealed[:-8])
        prefix = entry_hash(origin, lane, body)[:4]
        for part in body[8]:
            if isinstance(part, bytes):
                read_part(records, (origin, lane, seq), prefix, body, device, part)
    listed = {(kind, bytes(rid), field) for kind, rid, field in db.execute(
        "SELECT r.type,r.id,c.field FROM conflict c JOIN record r ON r.no=c.record")}
    db.close()
    return dots, records, listed


def read_part(records, dot, prefix, body, device, part):
    (kind, record, logs, ops), _ = cbor(part, 8)
    fields = records.setdefault((kind, record, body[2]), {})
    last, ordinal = None, 0
    for op in ops:
        ordinal = ordinal + 1 if op[0] == last else 0
        last = op[0]
        cites = {}
        for cite in op[1]:
            log = dot[:2] if cite[0] == 0 else tuple(logs[cite[0] - 1])
            cites[(*log, cite[1], cite[3] if len(cite) > 3 else 0)] = cite[2]
        fields.setdefault(op[0], []).append(
            Write((*dot, ordinal), prefix, body[3], body[4], body[6], device, op[2], cites))


# ---- the fold, slow and plain ----
def live(writes):
    dead = set()
    by_dot = {write.dot: write for write in writes}
    for write in writes:
        for dot, prefix in write.cites.items():
            if dot in by_dot and by_dot[dot].prefix == prefix:
                dead.add(dot)
    return [write for write in writes if write.dot not in dead and write.value is not ...]


def is_disputed(rule, field, values):
    """More than one group of equal values, under a rule that leaves the choice to a person."""
    if rule in ("keep", "last-review", "once"):
        return len(values) > 1
    if rule == "state" and len(values) > 1:
        steps = reachable(field)
        return not any(all(other == value or value in steps.get(other, ()) for other in values)
                       for value in values)
    return False


def reachable(field):
    moves = {}
    for step in field["moves"]:
        moves.setdefault(step[0], set()).add(step[1])
    grown = True
    while grown:
        grown = False
        for targets in moves.values():
            more = set().union(*(moves.get(state, set()) for state in targets)) - targets
            if more:
                targets |= more
                grown = True
    return moves


def covered(deletes, dot):
    for delete in deletes:
        for origin, lane, seq, holes in delete.value:
            if (origin, lane) == dot[:2] and dot[2] <= seq and dot[2] not in holes:
                return True
    return False


def disputes(records, pack):
    """{(type, id, field): [Write]} of every conflict that the entries themselves show."""
    found = {}
    for (kind, record, _scope), fields in records.items():
        if kind < FIRST_PACK_TYPE:
            continue
        standing = {number: live(writes) for number, writes in fields.items()}
        deletes = standing.get(DELETED, [])
        others = [write for number, writes in standing.items() if number != DELETED
                  for write in writes]
        uncovered = [write for write in others if not covered(deletes, write.dot)]
        if deletes and uncovered:
            found[(kind, record, DELETED)] = deletes + uncovered
        for number, writes in standing.items():
            rule, field = pack.get((kind, number), ("keep", None))
            values = {json.dumps(plain(write.value), sort_keys=True): write.value
                      for write in writes}
            if number != DELETED and is_disputed(rule, field, list(values.values())):
                found[(kind, record, number)] = writes
    return found


def plain(value):
    if value is ...:
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def digest(dots, records, scopes):
    """Over every live write of the scopes that both nodes hold: equal digests, equal states."""
    total = hashlib.sha256()
    for key in sorted(records):
        if key[2] not in scopes:
            continue
        for number in sorted(records[key]):
            for write in sorted(live(records[key][number]), key=lambda w: w.dot):
                total.update(encode([key[0], key[1], key[2], number, *write.dot, write.value]))
    return total.hexdigest()


# ---- the account ----
def read_pack(path):
    with open(path, encoding="utf-8") as file:
        source = json.load(file)
    rules, names = {}, {}
    for kind in source["types"]:
        names[kind["number"]] = kind["name"]
        for field in kind["fields"]:
            rules[(kind["number"], field["number"])] = (field.get("rule", "keep"), field)
            names[(kind["number"], field["number"])] = field["name"]
    return rules, names


def read_journals(paths):
    saved, acked = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break  # the driver died in mid-line: nothing was claimed
                note = json.loads(line)
                origin = bytes.fromhex(note["origin"]) if "origin" in note else None
                if note["event"] == "saved":
                    saved[(origin, note["lane"], note["seq"])] = note
                elif note["event"] == "acked":
                    key = (origin, note["lane"])
                    acked[key] = max(acked.get(key, 0), note["seq"])
    return saved, acked


def name_of(dot, saved):
    note = saved.get(dot, {})
    return {"origin": dot[0].hex(), "lane": dot[1], "seq": dot[2],
            "device": note.get("device", ""), "what": note.get("what", "")}


def at_kill(path, saved):
    """What was acknowledged before the hub was killed must stand in its file as the kill left it."""
    with open(path, encoding="utf-8") as file:
        kill = json.load(file)
    dots, _, _ = read_store(kill["store"])
    missing = []
    for log in kill["acked"]:
        origin = bytes.fromhex(log["origin"])
        missing += [name_of((origin, log["lane"], seq), saved)
                    for seq in range(1, log["seq"] + 1) if (origin, log["lane"], seq) not in dots]
    return missing


def conflict_view(key, writes, names):
    return {"record": key[1].hex(), "type": names.get(key[0], key[0]),
            "field": "_deleted" if key[2] == DELETED else names.get(key[:1] + key[2:], key[2]),
            "values": [{"value": plain(write.value), "actor": write.actor, "device": write.device,
                        "time": write.hlc >> 16} for write in writes]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", required=True)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--journal", action="append", default=[])
    parser.add_argument("--node", action="append", default=[])
    parser.add_argument("--at-kill")
    options = parser.parse_args()

    rules, names = read_pack(options.pack)
    saved, acked = read_journals(options.journal)
    hub_dots, hub_records, hub_listed = read_store(options.hub)
    acknowledged = [dot for dot in saved if dot[2] <= acked.get(dot[:2], 0)]
    missing = [name_of(dot, saved) for dot in sorted(saved) if dot not in hub_dots]
    if options.at_kill:
        missing += at_kill(options.at_kill, saved)

    expected = disputes(hub_records, rules)
    hidden = [conflict_view(key, expected[key], names) for key in sorted(expected)
              if key not in hub_listed]
    nodes = {"hub": (hub_dots, hub_records)}
    for pair in options.node:
        name, path = pair.split("=", 1)
        dots, records, listed = read_store(path)
        nodes[name] = (dots, records)
        here = disputes(records, rules)
        hidden += [dict(conflict_view(key, here[key], names), node=name) for key in sorted(here)
                   if key not in listed]
    scopes = {key[2] for key in hub_records if key[0] >= FIRST_PACK_TYPE}
    digests = {name: digest(*node, scopes) for name, node in nodes.items()}

    result = {
        "entries_offline": sum(1 for note in saved.values() if note.get("offline")),
        "saved": len(saved), "acknowledged": len(acknowledged),
        "found": sum(1 for dot in saved if dot in hub_dots),
        "missing": missing, "hidden": hidden,
        "conflicts": [dict(conflict_view(key, expected[key], names),
                           rule="deleted" if key[2] == DELETED
                           else rules.get((key[0], key[2]), ("keep",))[0])
                      for key in sorted(expected)],
        "digests": digests, "equal": len(set(digests.values())) == 1,
    }
    result["ok"] = (not missing and not hidden and result["equal"] and
                    len(acknowledged) == len(saved) > 0)
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
