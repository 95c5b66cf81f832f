#!/usr/bin/env python3
"""Was every criterion met? A program of its own, that shares no code with holdfast.

It reads the stores' files and the journals that the drivers synced to disk at every "saved" and every
receipt, and the plan of what was to be written. usage: judge.py CASE.json, which names them all.
Prints one JSON object; exit 0: every criterion met, 1: not."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
import account  # pylint: disable=wrong-import-position
from fold import FIRST_PACK_TYPE, Pack, digest, read_store, record_text  # pylint: disable=wrong-import-position

LANE_SECONDS = {0: 120, 1: 120, 2: 300, 3: 300, 4: 900, 5: 900}  # of wall time, after the return
LANES = {0: "control", 1: "custody and risk", 2: "incidents", 3: "crime", 4: "case", 5: "the rest"}


class Case:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.facts = json.load(file)
        self.pack = Pack(account.load(self.facts["pack"], None))
        self.hub = read_store(self.facts["hub"])
        self.nodes = {name: read_store(file) for name, file in self.facts["nodes"].items()}
        self.saved, self.acked = account.read_journals(self.facts["journals"])

    def criteria(self):
        yield 1, "no acknowledged or saved write is lost", self.lost
        yield 2, "nothing was made twice", self.twice
        yield 3, "all nodes' digests are equal, scope by scope", self.unequal
        yield 4, "every conflict is settled by its rule or listed, none hidden", self.hidden
        yield 6, "drained in time, lane by lane", self.late

    def lost(self):
        missing = account.missing_entries(self.saved, self.acked, self.hub, [])
        return f"{len(self.saved) - len(missing):,} of {len(self.saved):,} saved entries found", [
            f"{item['entry']} of {item['device']} ({item['what']}): {item['why']}"
            for item in missing]

    def twice(self):
        """Each planned record that was said to be saved stands once, and no other stands."""
        here = {record_text(self.pack, key[0], key[1]) for key in self.hub.records
                if key[0] >= FIRST_PACK_TYPE}
        made = self.facts["records"]
        wrong = [f"{text} was made by nobody" for text in sorted(here - set(made.values()))]
        wrong += [f"{key} ({text}) is not there" for key, text in sorted(made.items())
                  if text not in here]
        if len(set(made.values())) != len(made):
            wrong.append("two records of the plan have one id")
        return f"{len(here):,} records for {len(made):,} planned ones that were saved", wrong

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
                  for check in self.facts["checks"] if check["key"] in self.facts["records"]]
        found += account.failed_checks(checks, stores, self.pack)
        return f"{len(checks)} disputes were planted, {len(self.hub.listed)} wait for a person", [
            f"{item['record']} {item['field']} on {item['node']}: {item['why']}"
            for item in found]

    def late(self):
        """From the centre's return to the receipt for the last entry of the outage, by lane."""
        waiting, cleared = {}, {}
        for (origin, lane, seq), note in self.saved.items():
            if note.get("offline"):
                log = (origin, lane)
                waiting[log] = max(waiting.get(log, 0), seq)
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
        wrong = [f"{LANES[lane]}: not all of it was acknowledged" for _, lane in waiting]
        wrong += [f"{LANES[lane]}: took {seconds:.1f} s, {LANE_SECONDS[lane]} are allowed"
                  for lane, seconds in cleared.items() if seconds > LANE_SECONDS[lane]]
        return ", ".join(f"{LANES[lane]} {seconds:.1f} s"
                         for lane, seconds in sorted(cleared.items())), wrong


def main():
    case = Case(sys.argv[1])
    result = {"criteria": []}
    for number, text, judge in case.criteria():
        seen, wrong = judge()
        result["criteria"].append({"number": number, "criterion": text, "met": not wrong,
                                   "seen": seen, "wrong": wrong})
    result["ok"] = all(item["met"] for item in result["criteria"])
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
