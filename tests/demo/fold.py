"""A store's file read and folded without holdfast: CBOR, entries, live writes, the merge rules.

Slow and plain on purpose, and written from docs/protocol.md and DESIGN 3, not from the engine: it is
what the engine is compared with."""
import datetime
import hashlib
import json
import sqlite3

DELETED = 0
FIRST_PACK_TYPE = 16  # smaller numbers are the system's own records
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


# ---- CBOR: just what entries hold ----
def cbor(data, at=0):
    """Returns (value, next offset). Byte strings stay bytes; undefined is Ellipsis."""
    head = data[at]
    major, low = head >> 5, head & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None, 23: ...}[low], at
    number = low
    if low >= 24:
        width = 1 << (low - 24)
        number = int.from_bytes(data[at:at + width], "big")
        at += width
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        chunk = data[at:at + number]
        return (bytes(chunk) if major == 2 else chunk.decode()), at + number
    items = []
    for _ in range(number * (2 if major == 5 else 1)):
        item, at = cbor(data, at)
        items.append(item)
    if major == 4:
        return items, at
    if major == 5:
        return dict(zip(items[::2], items[1::2])), at
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
    if isinstance(value, (list, tuple)):
        return head_bytes(4, len(value)) + b"".join(encode(item) for item in value)
    return head_bytes(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def plain(value):
    """A value as JSON can say it."""
    if value is ...:
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def time_text(unix_ms):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=unix_ms)
    return moment.isoformat(timespec="milliseconds") + "Z"


# ---- the pack ----
class Pack:
    """Names and rules out of the pack's JSON."""

    def __init__(self, source):
        self.types = {kind["number"]: kind for kind in source["types"]}
        self.fields = {(kind["number"], field["number"]): field
                       for kind in source["types"] for field in kind["fields"]}

    def field(self, kind, number):
        return self.fields.get((kind, number), {})

    def rule(self, kind, number):
        return self.field(kind, number).get("rule", "keep")

    def type_name(self, kind):
        return self.types[kind]["name"] if kind in self.types else f"type{kind}"

    def field_name(self, kind, number):
        if number == DELETED:
            return "_deleted"
        return self.field(kind, number).get("name", f"field{number}")

    def field_number(self, kind, name):
        if name == "_deleted":
            return DELETED
        return next(field["number"] for field in self.types[kind]["fields"]
                    if field["name"] == name)

    def rendered(self, kind, number, value):
        """A value as the programs' JSON shows it."""
        field = self.field(kind, number)
        if value is None or value is ...:
            return None
        if field.get("kind") == "decimal" and isinstance(value, int):
            scale = field["scale"]
            digits = f"{abs(value):0{scale + 1}d}"
            return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"
        if field.get("kind") == "time" and isinstance(value, int):
            return time_text(value)
        if field.get("kind") == "ref" and isinstance(value, list):
            return record_text(self, value[0], value[1])
        return plain(value)


def record_text(pack, kind, record):
    number, digits = int.from_bytes(record, "big"), ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = CROCKFORD[digit] + digits
    return f"{pack.type_name(kind)}_{digits}"


def dot_text(dot):
    text = f"{dot[0].hex()}/{dot[1]}/{dot[2]}"
    return f"{text}/{dot[3]}" if len(dot) > 3 and dot[3] else text


# ---- one store's entries ----
class Write:
    """One write: where, when, by whom, what it holds and what it overwrites."""

    def __init__(self, dot, prefix, body, device, op):
        self.dot, self.prefix, self.device = dot, prefix, device
        self.hlc, self.quality, self.actor = body[3], body[4], body[6]
        self.field, self.value, self.cites = op[0], op[2], {}

    @classmethod
    def kept(cls, dot, prefix, field, rest):
        """As a record's row has it: (hlc, quality, value). Who wrote it, and what it overwrote, is not
        there."""
        write = cls(dot, prefix, (0, 0, 0, rest[0], rest[1], 0, ""), "", (field, (), rest[2]))
        return write

    def newest(self):
        """Of two concurrent writes, the one with the greater key is the newer."""
        return (self.quality, self.hlc, self.dot)

    def time(self):
        return time_text(self.hlc >> 16)


class Store:
    """What one node's file holds."""

    def __init__(self):
        self.dots = set()     # (origin, lane, seq) of every entry
        self.records = {}     # (type, id, scope): {field: [Write]}
        self.listed = set()   # (type, id, field) of every conflict that the node lists

    def read_entry(self, origin, lane, device, body):
        hashes = [hashlib.sha256(b"\x02" + part).digest() if isinstance(part, bytes) else part[0]
                  for part in body[8]]
        header = [1, origin, lane, *body[0:8], hashes]
        prefix = hashlib.sha256(b"\x00" + encode(header)).digest()[:4]
        for part in body[8]:
            if isinstance(part, bytes):
                self.read_part((origin, lane, body[0]), prefix, body, device, part)

    def read_part(self, dot, prefix, body, device, part):
        (kind, record, logs, ops), _ = cbor(part, 8)  # after the salt
        fields = self.records.setdefault((kind, record, body[2]), {})
        last, ordinal = None, 0
        for op in ops:
            ordinal = ordinal + 1 if op[0] == last else 0
            last = op[0]
            write = Write((*dot, ordinal), prefix, body, device, op)
            for cite in op[1]:
                log = dot[:2] if cite[0] == 0 else tuple(logs[cite[0] - 1])
                write.cites[(*log, cite[1], cite[3] if len(cite) > 3 else 0)] = cite[2]
            fields.setdefault(op[0], []).append(write)


class Row:
    """A record's row, item by item: sync/record.c. Needed for what a snapshot brought, whose entries
    the replica does not hold."""

    def __init__(self, state, origins):
        self.data, self.at, self.origins = state, 0, origins

    def item(self):
        value, self.at = cbor(self.data, self.at)
        return value

    def dot(self):
        log = self.item()
        return (self.origins[log >> 3][0], log & 7, self.item(), self.item()), self.item()

    def fields(self):
        """{field: [Write]}; the elements that have rows of their own are not in it."""
        found = {}
        for _ in range(self.item()):
            number = self.item()
            self.item()
            found[number] = [Write.kept(*self.dot(), number, (self.item(), self.item(), self.item()))
                             for _ in range(self.item())]
            for _ in range(self.item()):
                self.dot()
        return found


def read_based(db, store, origins):
    """Records that a snapshot brought, as their rows have them."""
    for number, kind, record, scope, state in db.execute(
            "SELECT no,type,id,scope,state FROM record WHERE base<>0"):
        fields = Row(state[:-8], origins).fields()
        for field, hlc, log, seq, ordinal, quality, prefix, value in db.execute(
                "SELECT field,hlc,log,seq,ordinal,quality,prefix,value FROM element "
                "WHERE record=?", (number,)):
            fields.setdefault(field, []).append(Write.kept(
                (origins[log >> 3][0], log & 7, seq, ordinal), prefix, field,
                (hlc, quality, cbor(value[:-8])[0])))
        store.records[kind, bytes(record), scope] = fields


def read_store(path):
    store = Store()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    origins = {number: (bytes(key), name) for number, key, name in
               db.execute("SELECT no,id,name FROM origin")}
    for log, seq, withheld, sealed in db.execute(
            "SELECT log,seq,withheld,body FROM entry ORDER BY position"):
        origin, device = origins[log >> 3]
        store.dots.add((origin, log & 7, seq))
        if not withheld:
            store.read_entry(origin, log & 7, device, cbor(sealed[:-8])[0])
    read_based(db, store, origins)
    store.listed = {(kind, bytes(record), field) for kind, record, field in db.execute(
        "SELECT r.type,r.id,c.field FROM conflict c JOIN record r ON r.no=c.record")}
    db.close()
    return store


# ---- the fold ----
def live(writes):
    """The writes that no other one overwrites."""
    by_dot = {write.dot: write for write in writes}
    dead = {dot for write in writes for dot, prefix in write.cites.items()
            if dot in by_dot and by_dot[dot].prefix == prefix}
    return [write for write in writes if write.dot not in dead and write.value is not ...]


def covered(deletes, dot):
    return any((origin, lane) == dot[:2] and dot[2] <= seq and dot[2] not in holes
               for delete in deletes for origin, lane, seq, holes in delete.value)


def uncovered(fields):
    """(live deletes, live writes that none of them saw)"""
    deletes = live(fields.get(DELETED, []))
    others = [write for number, writes in fields.items() if number != DELETED
              for write in live(writes)]
    return deletes, [write for write in others if not covered(deletes, write.dot)]


def is_deleted(fields):
    deletes, unseen = uncovered(fields)
    return bool(deletes) and not unseen


def reachable(field):
    """{state: every state that declared moves lead to from it}"""
    moves = {state: set() for state in field["states"]}
    for start, end in field["moves"]:
        moves[start].add(end)
    for _ in field["states"]:
        for targets in moves.values():
            targets |= set().union(*(moves[state] for state in targets)) if targets else set()
    return moves


def joined_state(field, values):
    """The furthest legal one of states written apart; None when they dispute."""
    joins = {frozenset(pair[:2]): pair[2] for pair in field.get("joins", [])}
    ahead = reachable(field)
    state = values[0]
    for value in values[1:]:
        if value == state or state in ahead.get(value, ()):
            continue
        if value in ahead.get(state, ()):
            state = value
        else:
            state = joins.get(frozenset((state, value)))
            if state is None:
                return None
    return state


def distinct(writes):
    return list({json.dumps(plain(write.value)): write.value for write in writes}.values())


def is_disputed(pack, kind, number, writes):
    """More than one group of equal values, under a rule that leaves the choice to a person."""
    values, rule = distinct(writes), pack.rule(kind, number)
    if len(values) < 2:
        return False
    if rule == "state":
        return joined_state(pack.field(kind, number), values) is None
    return rule in ("keep", "last-review", "once")


def shown(pack, kind, number, writes):
    """The value that stands for the field; None for a field of many, and for disputed states."""
    field, rule = pack.field(kind, number), pack.rule(kind, number)
    if not writes or rule in ("set", "append"):
        return None
    if rule == "state":
        return joined_state(field, distinct(writes))
    if rule == "once":
        return min(writes, key=lambda write: (write.hlc, write.dot)).value
    order = {"strictest": lambda write: field["levels"].index(write.value),
             "max": lambda write: write.value}.get(rule, lambda write: 0)
    if rule == "min":
        least = min(write.value for write in writes)
        writes = [write for write in writes if write.value == least]
    return max(writes, key=lambda write: (order(write), write.newest())).value


def disputes(records, pack):
    """{(type, id, scope, field): [Write]} of every conflict that the entries themselves show."""
    found = {}
    for (kind, record, scope), fields in records.items():
        if kind < FIRST_PACK_TYPE:
            continue
        deletes, unseen = uncovered(fields)
        if deletes and unseen:
            found[(kind, record, scope, DELETED)] = deletes + unseen
        for number, writes in fields.items():
            standing = live(writes)
            if number != DELETED and is_disputed(pack, kind, number, standing):
                found[(kind, record, scope, number)] = standing
    return found


def digest(store, scopes):
    """Over every live write of these scopes: equal digests, equal states."""
    total = hashlib.sha256()
    for key in sorted(store.records):
        if key[2] not in scopes:
            continue
        for number in sorted(store.records[key]):
            for write in sorted(live(store.records[key][number]), key=lambda w: w.dot):
                total.update(encode([*key, number, *write.dot, write.value]))
    return total.hexdigest()
