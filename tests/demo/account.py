#!/usr/bin/env python3
"""The account: was everything that an officer was told is safe really kept, and is nothing hidden?

It shares no code with holdfast. It reads the stores' files with Python's SQLite and a small CBOR reader
of its own, folds the entries by docs/protocol.md, and compares with the journals that the driver
synced to disk at every "saved" and every acknowledgement. So the engine does not grade itself.

usage: account.py --hub FILE --pack FILE --journal FILE [--journal ...] [--node NAME=FILE ...]
                  [--kills FILE] [--checks FILE] [--view NAME=FILE ...] [--imported FILE ...]
--kills   what every device had been told when a hub was killed, and the file it left
--checks  what the driver knows must come of the edits it made
--view    what a node itself shows: its conflicts, and some records
--imported  the CSV files that were imported, each as often as it was
Prints one JSON object. Exit: 0 all held, 1 something is missing, hidden or unequal.
"""
import argparse
import csv
import json
import sys

from fold import (DELETED, FIRST_PACK_TYPE, Pack, digest, disputes, dot_text, is_deleted, live,
                  plain, read_store, record_text, shown)


def read_journals(paths):
    """({dot: note}, {log: highest seq that was acknowledged}, the same of what a station holds)"""
    saved, upto = {}, {"acked": {}, "held": {}}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break  # the driver died in mid-line: nothing was claimed
                note = json.loads(line)
                log = (bytes.fromhex(note["origin"]), note["lane"])
                if note["event"] in upto:
                    known = upto[note["event"]]
                    known[log] = max(known.get(log, 0), note["seq"])
                for seq in range(note["seq"], note["seq"] + note.get("count", 1)):
                    if note["event"] == "saved":
                        saved[(*log, seq)] = note
    return saved, upto["acked"], upto["held"]


def name_of(dot, saved, why):
    note = saved.get(dot, {})
    return {"entry": dot_text(dot), "device": note.get("device", ""), "what": note.get("what", ""),
            "why": why}


def missing_at_kill(kill, saved):
    """What was acknowledged before a kill must stand in the file as that kill left it."""
    dots = read_store(kill["store"]).dots
    missing = []
    for log in kill["acked"]:
        origin = bytes.fromhex(log["origin"])
        missing += [name_of((origin, log["lane"], seq), saved,
                            f"acknowledged before kill {kill['number']}, of {kill['of']}, and not "
                            "in the file that the kill left")
                    for seq in range(1, log["seq"] + 1) if (origin, log["lane"], seq) not in dots]
    return missing


def missing_entries(saved, acked, hub, kills):
    missing = []
    for dot in sorted(saved):
        if dot not in hub.dots:
            was_acked = dot[2] <= acked.get(dot[:2], 0)
            missing.append(name_of(dot, saved, "acknowledged, and not at the hub" if was_acked else
                                   "saved on the device, and not at the hub"))
    for (origin, lane), seq in sorted(acked.items()):  # also those whose reply a kill cut off
        missing += [name_of((origin, lane, at), saved, "acknowledged, and not at the hub")
                    for at in range(1, seq + 1)
                    if (origin, lane, at) not in hub.dots and (origin, lane, at) not in saved]
    for kill in kills:
        missing += missing_at_kill(kill, saved)
    return sorted(missing, key=lambda item: not item["why"].startswith("acknowledged"))


# ---- conflicts ----
def conflict_view(key, writes, pack):
    kind, record, number = key[0], key[1], key[-1]
    return {"record": record_text(pack, kind, record), "field": pack.field_name(kind, number),
            "rule": "delete" if number == DELETED else pack.rule(kind, number),
            "values": [{"value": "deleted" if write.field == DELETED
                        else pack.rendered(kind, write.field, write.value),
                        "written": pack.field_name(kind, write.field), "actor": write.actor,
                        "device": write.device, "time": write.time(),
                        "at": dot_text(write.dot)} for write in writes]}


def hidden_conflicts(nodes, pack):
    """Conflicts that a node's own entries show and its own list does not, or the reverse."""
    hidden = []
    for name, store in nodes.items():
        expected = disputes(store.records, pack)
        here = {(key[0], key[1], key[-1]): key for key in expected}
        for short in sorted(here.keys() - store.listed):
            key = here[short]
            hidden.append(dict(conflict_view(key, expected[key], pack), node=name,
                               why="its entries disagree and it does not say so"))
        for kind, record, number in sorted(store.listed - here.keys()):
            hidden.append({"record": record_text(pack, kind, record), "node": name,
                           "field": pack.field_name(kind, number),
                           "why": "it lists a conflict that its entries do not show"})
    return hidden


# ---- what the driver knows must be so ----
def check_one(check, fields, pack, kind, listed):
    """None, or a sentence that says what is wrong."""
    if check.get("deleted"):
        return None if is_deleted(fields) else "the record was deleted and is shown"
    number = pack.field_number(kind, check["field"])
    standing = live(fields.get(number, []))
    values = sorted({json.dumps(plain(write.value)) for write in standing})
    if "conflict" in check:
        wanted = sorted(json.dumps(value) for value in check["conflict"] or [])
        if number not in listed:
            return "two people disagree and it is not listed"
        if number != DELETED and values != wanted:
            return f"these values must stand: {wanted}; these do: {values}"
    elif "elements" in check:
        if values != sorted(json.dumps(value) for value in check["elements"]):
            return f"these elements must stand: {check['elements']}; these do: {values}"
    elif number in listed:
        return "it is listed as a conflict, and nobody disagrees"
    elif "shown" in check and plain(shown(pack, kind, number, standing)) != check["shown"]:
        return f"must show {check['shown']!r}, and shows {plain(shown(pack, kind, number, standing))!r}"
    return None


def failed_checks(checks, nodes, pack):
    failed = []
    for name, store in nodes.items():
        by_text = {record_text(pack, key[0], key[1]): key for key in store.records
                   if key[0] >= FIRST_PACK_TYPE}
        listed = {}
        for kind, record, number in store.listed:
            listed.setdefault(record_text(pack, kind, record), set()).add(number)
        for check in checks:
            key = by_text.get(check["record"])
            why = "the node does not hold the record"
            if key:
                why = check_one(check, store.records[key], pack, key[0],
                                listed.get(check["record"], set()))
            if why:
                failed.append({"record": check["record"], "field": check.get("field", ""),
                               "node": name, "why": why})
    return failed


# ---- what a node shows, against the fold ----
def wrong_view(name, view, store, pack):
    wrong = []
    by_text = {record_text(pack, key[0], key[1]): key for key in store.records}

    def complain(record, field, why):
        wrong.append({"record": record, "field": field, "node": name, "why": why})
    expected = {(item["record"], item["field"]): item for item in
                (conflict_view(key, writes, pack)
                 for key, writes in disputes(store.records, pack).items())}
    said = {(item["record"], item["field"]): item for item in view["conflicts"]}
    for key in sorted(expected.keys() ^ said.keys()):
        complain(*key, "\"conflicts\" does not list it" if key in expected else
                 "\"conflicts\" lists it, and nobody disagrees")
    for key in sorted(expected.keys() & said.keys()):
        ours = [value for value in expected[key]["values"] if value["written"] == key[1]]
        if who_said(ours) != who_said(said[key]["values"]):
            complain(*key, "\"conflicts\" shows other values than stand")
    for record in view["records"]:
        key = by_text.get(record["id"])
        if record.get("missing") or not key:
            complain(record["id"], "", "it cannot be shown")
            continue
        for field, why in wrong_fields(record, key[0], store.records[key], pack):
            complain(record["id"], field, why)
    return wrong


def who_said(values):
    """What stands, by whom and when."""
    return sorted((value["at"], json.dumps(value["value"]), value["actor"], value["device"],
                   value["time"]) for value in values)


def wrong_fields(record, kind, fields, pack):
    said = {field["field"]: field for field in record["fields"]}
    if record["deleted"] != is_deleted(fields):
        yield "_deleted", f"deleted is shown as {record['deleted']}"
    for number, writes in fields.items():
        standing = live(writes)
        name = pack.field_name(kind, number)
        found = said.pop(name, None)
        if not found:
            if standing:
                yield name, "it has values and is not shown"
            continue
        dots = sorted(value["at"] for value in found["values"])
        if dots != sorted(dot_text(write.dot) for write in standing):
            yield name, "other writes are shown than stand"
        elif number != DELETED and found["value"] != pack.rendered(
                kind, number, shown(pack, kind, number, standing)):
            yield name, f"{found['value']!r} is shown, which is not what stands"
    for name in said:
        yield name, "it is shown and has no writes"


# ---- imports ----
def identities(paths):
    """How many different crimes the files hold: by Crime ID and month, else by the whole row and how
    many equal ones came before it in its file."""
    found = set()
    for path in set(paths):
        equal = {}
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                cells = tuple(row.values())
                equal[cells] = equal.get(cells, 0) + 1
                found.add((row["Crime ID"], row["Month"]) if row["Crime ID"] else
                          (cells, equal[cells]))
    return len(found)


# ---- the account ----
def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", required=True)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--kills")
    parser.add_argument("--checks")
    for many in ("--journal", "--node", "--view", "--imported"):
        parser.add_argument(many, action="append", default=[])
    return parser.parse_args()


def load(path, otherwise):
    if not path:
        return otherwise
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def pairs(texts):
    return dict(text.split("=", 1) for text in texts)


def main():
    options = arguments()
    pack = Pack(load(options.pack, None))
    saved, acked, held = read_journals(options.journal)
    nodes = {"hub": read_store(options.hub)}
    nodes.update((name, read_store(path)) for name, path in pairs(options.node).items())
    hub, kills = nodes["hub"], load(options.kills, [])
    missing = missing_entries(saved, acked, hub, kills)
    hidden = hidden_conflicts(nodes, pack)
    hidden += failed_checks(load(options.checks, []), nodes, pack)
    for name, path in pairs(options.view).items():
        hidden += wrong_view(name, load(path, None), nodes[name], pack)
    expected = disputes(hub.records, pack)
    scopes = {key[2] for key in hub.records if key[0] >= FIRST_PACK_TYPE}
    digests = {name: digest(store, scopes) for name, store in nodes.items()}
    crimes = sum(1 for key in hub.records if key[0] == FIRST_PACK_TYPE)
    rows = identities(options.imported) if options.imported else crimes
    result = {
        "entries_offline": sum(1 for note in saved.values() if note.get("offline")),
        "entries_held": sum(1 for dot, note in saved.items()
                            if note.get("offline") and dot[2] <= held.get(dot[:2], 0)),
        "saved": len(saved),
        "acknowledged": sum(1 for dot in saved if dot[2] <= acked.get(dot[:2], 0)),
        "found": sum(1 for dot in saved if dot in hub.dots),
        "kills": len(kills), "crimes_imported": rows, "crimes_found": crimes,
        "missing": missing, "hidden": hidden,
        "conflicts": [conflict_view(key, expected[key], pack) for key in sorted(expected)],
        "digests": digests, "equal": len(set(digests.values())) == 1,
    }
    result["ok"] = (not missing and not hidden and result["equal"] and rows == crimes and
                    result["acknowledged"] == result["saved"] > 0)
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
