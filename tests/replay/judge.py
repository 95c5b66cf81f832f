#!/usr/bin/env python3
"""Was every criterion met? A program of its own, that shares no code with holdfast.

It reads the stores' files and the journals that the drivers synced to disk at every "saved" and every
receipt, and what was to be written. usage: judge.py CASE.json, which names them all.
Prints one JSON object; exit 0: every criterion met, 1: not."""
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
import account  # pylint: disable=wrong-import-position
from fold import FIRST_PACK_TYPE, Pack, digest, dot_text, live, plain, read_store, record_text  # pylint: disable=wrong-import-position

LANE_SECONDS = {0: 120, 1: 120, 2: 300, 3: 300, 4: 900, 5: 900}  # of wall time, after the return
LANES = {0: "control", 1: "custody and risk", 2: "incidents", 3: "crime", 4: "case", 5: "the rest"}
LATER = ((5, "each custody deadline is raised on time", "waits for the police pack's clocks"),
         (7, "suspects and intelligence links are suggested", "waits for matching"),
         (10, "the audit of reads is complete", "waits for read audit"))


def listed(words, wanted, found):
    """What is not in both."""
    return [f"{words}: {dot_text(dot)} is missing" for dot in sorted(wanted - found)] + [
        f"{words}: {dot_text(dot)} is too many" for dot in sorted(found - wanted)]


class Case:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.facts = json.load(file)
        self.pack = Pack(account.load(self.facts["pack"], None))
        self.hub = read_store(self.facts["hub"])
        self.nodes = {name: read_store(file) for name, file in self.facts["nodes"].items()}
        self.saved, self.acked, _ = account.read_journals(self.facts["journals"])
        self.waited = {dot for dot, note in self.saved.items()
                       if note.get("offline") == self.facts["run"]}

    def criteria(self):
        yield 1, "no acknowledged or saved write is lost", self.lost
        yield 2, "nothing was made twice", self.twice
        yield 3, "all nodes' digests are equal, scope by scope", self.unequal
        yield 4, "every conflict is settled by its rule or listed, none hidden", self.hidden
        yield 6, "drained in time, lane by lane", self.late
        yield 8, "no reference was given twice", self.references
        yield 9, "the recovery report reconciles, to the entry", self.report

    def kept(self):
        """{(type, id): fields} of people's records at the centre"""
        return {key[:2]: fields for key, fields in self.hub.records.items()
                if key[0] >= FIRST_PACK_TYPE}

    def values(self, kind, fields, name):
        number = self.pack.field_number(kind, name)
        return [plain(write.value) for write in live(fields.get(number, []))]

    # ---- 1 to 4 ----

    def lost(self):
        missing = account.missing_entries(self.saved, self.acked, self.hub, [])
        wrong = [f"{item['entry']} of {item['device']} ({item['what']}): {item['why']}"
                 for item in missing]
        stolen, *_ = account.read_journals([self.facts["stolen"]])
        wrong += [f"{dot_text(dot)}, written on a stolen phone, came to {name}"
                  for name, store in {"the centre": self.hub, **self.nodes}.items()
                  for dot in stolen if dot in store.dots]
        return f"{len(self.saved) - len(missing):,} of {len(self.saved):,} saved entries found", wrong

    def twice(self):
        """Each record that was said to be saved stands once; beside them, at most one for each write
        whose answer a kill cut off. Every record says in one of its fields which it is."""
        keys, doubtful = set(self.facts["keys"]), set(self.facts["doubtful"])
        made, found, wrong = self.facts["records"], Counter(), []
        for (kind, record), fields in sorted(self.kept().items()):
            said = {plain(write.value) for writes in fields.values() for write in writes
                    if isinstance(write.value, str)} & keys
            text = record_text(self.pack, kind, record)
            key = said.pop() if len(said) == 1 else None
            found[key] += 1
            if key is None:
                wrong.append(f"{text} was made by nobody")
            elif made.get(key, text) != text or (key not in made and key not in doubtful):
                wrong.append(f"{text} was made for {key}, which is another record")
        wrong += [f"{key} was made {count} times" for key, count in found.items() if count > 1]
        wrong += [f"{key} ({text}) is not there" for key, text in made.items() if not found[key]]
        return f"{sum(found.values()):,} records for {len(made):,} that were said to be saved", wrong

    def unequal(self):
        wrong, compared = [], 0
        scopes = {key[2] for key in self.hub.records if key[0] >= FIRST_PACK_TYPE}
        for scope in sorted(scopes):
            wanted = digest(self.hub, {scope})
            for name, store in sorted(self.nodes.items()):
                if not any(key[2] == scope for key in store.records):
                    continue
                compared += 1
                if digest(store, {scope}) != wanted:
                    wrong.append(f"{name} differs from the centre in scope {scope}")
        return f"{compared:,} digests of {len(scopes)} scopes on {len(self.nodes)} nodes", wrong

    def hidden(self):
        stores = {"centre": self.hub, **self.nodes}
        found = account.hidden_conflicts(stores, self.pack)
        checks = [dict(check, record=self.facts["records"][check["key"]])
                  for check in self.facts["checks"]]
        found += account.failed_checks(checks, stores, self.pack)
        return f"{len(checks)} disputes were planted, {len(self.hub.listed)} wait for a person", [
            f"{item['record']} {item['field']} on {item['node']}: {item['why']}"
            for item in found]

    # ---- 6, 8 and 9 ----

    def drained(self):
        """({lane: seconds}, lanes not acknowledged): from the centre's return to the receipt for the
        last entry of the outage."""
        waiting, cleared = {}, {}
        for origin, lane, seq in self.waited:
            waiting[origin, lane] = max(waiting.get((origin, lane), 0), seq)
        for path in self.facts["journals"]:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    note = json.loads(line)
                    log = (bytes.fromhex(note["origin"]), note["lane"])
                    if note["event"] != "acked" or note["seq"] < waiting.get(log, 1 << 62):
                        continue
                    del waiting[log]
                    seconds = max(0.0, note["at"] - self.facts["back"])
                    cleared[log[1]] = max(cleared.get(log[1], 0.0), seconds)
        return cleared, sorted({lane for _, lane in waiting})

    def late(self):
        cleared, waiting = self.drained()
        patience = self.facts["patience"]
        wrong = [f"{LANES[lane]}: not all of it was acknowledged" for lane in waiting]
        wrong += [f"{LANES[lane]}: took {seconds:.1f} s, {LANE_SECONDS[lane] * patience} are allowed"
                  for lane, seconds in cleared.items() if seconds > LANE_SECONDS[lane] * patience]
        if not cleared:
            wrong.append("nothing had to wait")
        return ", ".join(f"{LANES[lane]} {seconds:.1f} s"
                         for lane, seconds in sorted(cleared.items())), wrong

    def references(self):
        bearers, wrong = {}, []
        for (kind, record), fields in self.kept().items():
            series = self.pack.types.get(kind, {}).get("reference")
            for number in self.values(kind, fields, series["field"]) if series else []:
                bearers.setdefault(number, set()).add(record_text(self.pack, kind, record))
        wrong += [f"{number} is on {', '.join(sorted(records))}"
                  for number, records in sorted(bearers.items()) if len(records) > 1]
        told = self.facts["called"]
        wrong += [f"{record} was called {number} to its officer, and is not"
                  for record, number in told.items() if record not in bearers.get(number, ())]
        if len(set(told.values())) != len(told):
            wrong.append("two officers were told the same number")
        return f"{len(bearers):,} numbers on records, {len(told):,} told to officers", wrong

    def report(self):
        """The centre's own account, against the journals and the files, entry by entry."""
        report = self.facts["report"]
        if "error" in report:
            return "the centre gives no report", [report["error"]]
        reported, counts = set(), report["entries"]
        for log in report["integrity"]["logs"]:
            origin = bytes.fromhex(log["origin"])
            reported |= {(origin, log["lane"], seq) for seq in range(log["after"] + 1, log["to"] + 1)}
        cut_off = {dot for dot in reported - self.waited if self.unanswered(dot)}
        wrong = listed("an entry that had to wait", self.waited, reported - cut_off)
        wrong += listed("an entry that is said to be here", reported, reported & self.hub.dots)
        kinds = {write.dot[:3]: key[0] for key, fields in self.hub.records.items()
                 for writes in fields.values() for write in writes}
        types = Counter(self.pack.type_name(kinds[dot]) for dot in reported if dot in kinds)
        if types != Counter({row["name"]: row["entries"] for row in report["types"]}):
            wrong.append(f"by type it has {report['types']}, the centre's file {dict(types)}")
        for name in ("waited", "here", "counted"):
            if counts[name] != len(reported):
                wrong.append(f"\"{name}\" is {counts[name]}, and its logs hold {len(reported)}")
        if not report["integrity"]["reconciles"]:
            wrong.append(f"it says itself that it does not: {report['integrity']['fault']}")
        return (f"{counts['waited']:,} had to wait, {counts['here']:,} are here, "
                f"{counts['missing']:,} still out; {len(self.waited):,} by the journals"), wrong

    def unanswered(self, dot):
        """Its author holds it, and its "saved" was cut off by a kill."""
        return bool(self.facts["doubtful"]) and dot not in self.saved and any(
            dot in store.dots for store in self.nodes.values())


def main():
    case = Case(sys.argv[1])
    result = {"run": case.facts["run"], "criteria": []}
    for number, text, judge in case.criteria():
        seen, wrong = judge()
        result["criteria"].append({"number": number, "criterion": text, "met": not wrong,
                                   "seen": seen, "wrong": wrong})
    for number, text, why in LATER:
        result["criteria"].append({"number": number, "criterion": text, "met": None, "seen": why,
                                   "wrong": []})
    result["criteria"].sort(key=lambda item: item["number"])
    result["drained_s"] = max(case.drained()[0].values(), default=0.0)
    result["ok"] = all(item["met"] is not False for item in result["criteria"])
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
