"""What happens in the demo: an ordinary morning, and then the hub dies while officers go on working.

Every choice comes from one seed, so that a day can be lived again; how the processes interleave is
the machine's, and no two runs are alike in that."""
import csv
import json
import random
import re
import shutil
import threading
import time
from pathlib import Path

from fleet import Device, Hub, Station, Trouble, wait_until

DATA = Path(__file__).resolve().parent / "data"
MAPPING = DATA / "street.mapping.json"
SCOPE = "region/street"
THREE_YEARS_MS = 3 * 365 * 86400 * 1000
MORNING = {  # some of it on two devices: importing twice must make nothing twice
    "rees": ["street-city-of-london-2018-10.csv", "street-city-of-london-2018-11.csv"],
    "okafor": ["street-bedfordshire-2018-10.csv", "street-city-of-london-2018-11.csv"],
    "doyle": ["street-northern-ireland-2018-10.csv", "street-city-of-london-2018-10.csv"],
}
AFTERNOON = "street-city-of-london-2018-12.csv"
OUTAGE = "street-city-of-london-2019-01.csv"
ALONE = {"rees": "PC 4411 Rees", "okafor": "Sgt 207 Okafor", "doyle": "DC 88 Doyle"}
AT_STATION = {"byrne": "PC 301 Byrne", "nkemelu": "Sgt 44 Nkemelu"}
OFFICERS = {**ALONE, **AT_STATION}
ROUNDS = 4          # of two officers who write by turns, through their station
SECONDS = 300       # for anything that should take moments, however slow or busy the machine is
STUCK_SECONDS = 30  # with a mistake planted: it need not converge, and the account says what lacks
KILLS = 2           # of the hub in the morning; a third begins the outage
KILLS_TO_CATCH = 40  # an acknowledgement that came too soon shows when the kill is well timed


class Stuck(Trouble):
    """It did not converge. The account is made all the same: it says what is missing."""


class Together:
    """Several people at work at once; the first trouble of any is everyone's."""

    def __init__(self, jobs):
        self.trouble = []
        self.threads = [threading.Thread(target=self.work, args=(job,), daemon=True)
                        for job in jobs]
        for thread in self.threads:
            thread.start()

    def work(self, job):
        try:
            job()
        except Exception as trouble:  # pylint: disable=broad-except
            self.trouble.append(trouble)

    def busy(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.trouble:
            raise self.trouble[0]


def rows_of(name):
    with open(DATA / name, newline="", encoding="utf-8-sig") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Day:
    """The processes, and the steps in which the story is told."""

    def __init__(self, build, directory, seed, fault, say):
        self.directory, self.fault, self.say = Path(directory), fault, say
        self.random = random.Random(seed)
        self.patience = STUCK_SECONDS if fault == "drop-entry" else SECONDS
        suffix = "-planted" if fault else ""
        planted = {"HOLDFAST_PLANTED": fault} if fault else {}
        self.hub = Hub(build, self.directory / "hub", planted, suffix)
        self.station = Station(build, "the station", self.directory / "station", planted, suffix)
        self.devices = {short: Device(build, name, self.directory / short, planted, suffix)
                        for short, name in OFFICERS.items()}
        self.rees, self.okafor, self.doyle, self.byrne, self.nkemelu = self.devices.values()
        self.kills, self.imported, self.checks = [], [], []
        self.shared = []  # crimes that every device held when the hub died
        self.notes = 0

    def nodes(self):
        return [self.hub, self.station, *self.devices.values()]

    # ---- setting up ----

    def begin(self):
        self.say.step("A hub, a station and five officers' devices start, each a process of its own")
        self.hub.make()
        self.hub.start()
        self.station.join(self.hub, SCOPE)
        self.station.start()
        for short, device in self.devices.items():
            ports = [self.station.port] if short in AT_STATION else []
            device.join(self.hub, SCOPE, *ports)
            device.start()
        self.say.fact("enrolled with one-time tokens, joined by mutual TLS on 127.0.0.1: "
                      + ", ".join(OFFICERS.values()))
        self.say.fact(f"{' and '.join(AT_STATION.values())} can reach the station, too")
        self.converge()

    # ---- the morning: everything at once, and a hub that falls over ----

    def import_all(self, device, names):
        for name in names:
            code, document = device.import_rows(DATA / name, MAPPING)
            self.imported.append(name)
            if code != 0:
                raise Trouble(f"{device.name}: the import of {name} ended with {code}: {document}")

    def write_notes(self, device, ended):
        """One note after the other until `ended`: so that something is always on its way."""
        while not ended.is_set():
            self.notes += 1
            device.put("note", f"subject=Sighting {self.notes}", "status=open",
                       "text=Seen from the car, not stopped")

    def morning(self):
        total = sum(rows_of(name) for names in MORNING.values() for name in names)
        self.say.step(f"Morning: {total:,} rows of street crime are imported on three devices at "
                      "once, some of them on two")
        ended = threading.Event()
        imports = Together([lambda d=self.devices[short], n=names: self.import_all(d, n)
                            for short, names in MORNING.items()])
        notes = Together([lambda d=device: self.write_notes(d, ended)
                          for device in self.devices.values()])
        try:
            self.fall_over()
        finally:
            ended.set()
            imports.join()
            notes.join()
        self.converge()
        again = self.rees.import_rows(DATA / MORNING["rees"][0], MAPPING)[1]
        self.shared = [row["id"] for row in
                       self.rees.ask("list", "crime", "--limit", "10000")["records"]]
        self.say.fact(f"a file imported once more: {again['seen']:,} of {again['rows']:,} rows known "
                      f"already, {count(again['created'], 'new record')}")

    def fall_over(self):
        """The hub is killed while uploads run, and started again as a supervisor would."""
        most = KILLS_TO_CATCH if self.fault == "ack-early" else KILLS
        for number in range(1, most + 1):
            acked = self.kill_hub()
            self.hub.start()
            self.say.fact(f"the hub was killed (SIGKILL) while uploads ran, after {acked:,} "
                          f"entries were acknowledged; started again ({number} of "
                          f"{'at most ' if self.fault else ''}{most})")
            if self.kills[-1]["lost"]:
                return

    def kill(self, node, event, devices):
        """Kills it at a random moment soon after a fresh acknowledgement, and keeps its file as the
        kill left it beside what every device had been told by then."""
        def told():
            return sum(seq for device in devices for _, seq in device.journal.acked_logs(event))
        before = told()
        try:
            wait_until(lambda: told() > before, self.patience,
                       f"an upload to {node.name} is acknowledged", pause=0.002)
        except Trouble as trouble:  # all have something to send: the account says what became of it
            raise Stuck(str(trouble)) from None
        time.sleep(self.random.uniform(0, 0.12))
        begun = {device: device.log_size() for device in devices}
        node.kill()
        kept = self.directory / f"kill-{len(self.kills) + 1}"
        kept.mkdir()
        for name in ("store.db", "store.db-wal"):
            if (node.data / name).exists():
                shutil.copy(node.data / name, kept / name)
        acked = []
        for device in devices:
            wait_until(lambda d=device: has_lost_link(d, node == self.station, begun[d]), SECONDS,
                       f"{device.name} notices that {node.name} is gone")
            device.settle()
            acked += [{"origin": origin, "lane": lane, "seq": seq}
                      for (origin, lane), seq in device.journal.acked_logs(event)]
        self.kills.append({"number": len(self.kills) + 1, "of": node.name, "acked": acked,
                           "store": str(kept / "store.db")})
        with open(self.directory / "kills.json", "w", encoding="utf-8") as file:
            json.dump(self.kills, file)
        return told()

    def kill_hub(self):
        acked = self.kill(self.hub, "acked", list(self.devices.values()))
        self.kills[-1]["lost"] = self.fault == "ack-early" and lost_at(self.kills[-1])
        return acked

    # ---- the outage ----

    def hub_dies(self):
        self.say.step(f"Afternoon: {rows_of(AFTERNOON):,} more rows on {self.doyle.name}'s device; "
                      "the data centre goes dark")
        ended = threading.Event()
        work = Together([lambda: self.import_all(self.doyle, [AFTERNOON])] +
                        [lambda d=device: self.write_notes(d, ended)
                         for device in self.devices.values() if device != self.doyle])
        try:
            self.kill_hub()
        finally:
            ended.set()
            for device in self.devices.values():
                device.offline = True
            work.join()
        waiting = sum(device.ask("status")["waiting"] for device in self.devices.values())
        self.say.fact(f"the hub was killed (SIGKILL) and stays dead; {waiting:,} entries on the "
                      "devices were not yet acknowledged")

    def clock_jumps(self):
        self.okafor.stop()
        self.okafor.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(THREE_YEARS_MS)
        self.okafor.start()
        self.say.fact(f"{self.okafor.name}'s device restarted with its clock three years ahead")

    def device_dies(self):
        """SIGKILL in the middle of an import and of a row of single writes."""
        ended, cut = threading.Event(), []

        def notes():
            try:
                self.write_notes(self.doyle, ended)
            except Trouble:
                cut.append("a note")

        def rows():
            if self.doyle.import_rows(DATA / OUTAGE, MAPPING)[0] != 0:
                cut.append("the import")
        before = self.doyle.journal.saved
        work = Together([notes, rows])
        wait_until(lambda: self.doyle.journal.saved > before + 2, SECONDS,
                   "notes are saved", pause=0.002)
        time.sleep(self.random.uniform(0, 0.1))
        self.doyle.kill()
        ended.set()
        work.join()
        self.doyle.start()
        self.imported.append(OUTAGE)
        code, again = self.doyle.import_rows(DATA / OUTAGE, MAPPING)
        if code != 0:
            raise Trouble(f"{self.doyle.name}: the import run again ended with {code}: {again}")
        self.say.fact(f"{self.doyle.name}'s device was killed (SIGKILL) in mid-write"
                      f"{': cut off were ' + ' and '.join(cut) if cut else ''}; started again, the "
                      f"import run again: {again['seen']:,} of {again['rows']:,} rows were taken "
                      "already")

    def outage(self):
        edits = Edits(self)
        edits.plan()
        self.say.step("No hub: three officers go on, each alone")
        self.clock_jumps()
        self.device_dies()
        edits.carry_out()
        offline = sum(self.devices[short].ask("status")["waiting"] for short in ALONE)
        self.say.fact(f"{offline:,} entries wait on the three devices, every one saved there")
        self.say.step("No hub: the station carries two officers, who go on together")
        self.station_carries(edits)
        self.checks = edits.checks

    # ---- two officers and their station, without a hub ----

    def station_carries(self, edits):
        pair = [self.byrne, self.nkemelu]
        for device in pair:
            wait_until(lambda d=device: is_at(d, self.station), self.patience,
                       f"{device.name} is in sync with {self.station.name}")
        edits.take_turns()
        ended = threading.Event()
        notes = Together([lambda d=device: self.write_notes(d, ended) for device in pair])
        try:
            held = self.kill(self.station, "held", pair)
        finally:
            ended.set()
            notes.join()
        self.station.start()
        self.say.fact(f"the station was killed (SIGKILL), after it had acknowledged {held:,} "
                      "entries; started again")
        for device in pair:
            wait_until(lambda d=device: is_at(d, self.station) and
                       d.ask("status")["waiting"] == 0, self.patience,
                       f"all that {device.name} wrote is at {self.station.name}")
        waiting = self.station.ask("status")["upstream"]["waiting"]
        self.say.fact(f"{waiting:,} entries are at the station, and wait there for the hub")

    def hub_returns(self):
        self.say.step("The hub comes back")
        for device in self.devices.values():
            device.offline = False
        self.hub.start()
        self.converge()
        self.resolve_one()

    def resolve_one(self):
        """A person ends one of the conflicts; it must be gone everywhere."""
        chosen = next((check for check in self.checks if check.get("field") == "outcome"
                       and "conflict" in check), None)
        if not chosen or not self.rees.ask("conflicts")["total"]:
            return
        code, _, err = self.rees.command("resolve", chosen["record"], "outcome", "--choose", "1",
                                         "--reason", "read both notes", "--json")
        if code != 0:
            self.say.fact(f"{self.rees.name} could not choose between versions: {err.strip()}")
            return
        self.checks.remove(chosen)
        self.checks.append({"record": chosen["record"], "field": "outcome", "settled": True})
        self.say.fact(f"{self.rees.name} chose between the versions of one crime's outcome; the "
                      "others stay open")
        self.converge()

    # ---- convergence ----

    def standing(self):
        """(entries at the hub, entries saved, is all of it everywhere)"""
        at_hub = saved = 0
        everywhere = True
        for device in self.devices.values():
            status = device.ask("status")
            at_hub += status["at_the_hub"]
            saved += status["written_here"]
            everywhere = everywhere and status["waiting"] == 0 and status["link"] == "in-sync"
        rows = {}  # of everyone who is connected to the hub or to the station: the hub feeds first
        for hub in (self.hub, self.station) if everywhere else []:
            rows.update((row["name"], row) for row in hub.ask("devices")["devices"]
                        if row["connected"])
        joined = {self.station.name, *OFFICERS.values()}
        everywhere = everywhere and joined <= rows.keys()
        return at_hub, saved, everywhere and all(row["in_sync"] and row["behind"] == 0
                                                 for row in rows.values())

    def converge(self):
        deadline = time.monotonic() + self.patience
        while True:
            at_hub, saved, everywhere = self.standing()
            self.say.progress(f"at the hub: {at_hub:,} of {saved:,} entries")
            if everywhere:
                self.say.fact(f"in sync: {at_hub:,} of {saved:,} entries at the hub, and every device "
                              "has all that the hub has")
                return
            if time.monotonic() > deadline:
                raise Stuck(f"after {self.patience} s {at_hub:,} of {saved:,} entries are at the "
                            "hub, or a device is still behind")
            time.sleep(0.2)

    # ---- what each node itself says, for the account to compare ----

    def views(self):
        """One file for each node: its list of conflicts, and some of its records."""
        wanted = sorted({check["record"] for check in self.checks})
        listed = [row["id"] for row in self.hub.ask("list", "crime", "--limit", "10000")["records"]]
        wanted += self.random.sample(listed, min(30, len(listed)))
        files = {}

        def look(name, node, word):
            records = []
            for record in wanted:
                code, out, _ = node.command(word, record, "--json")
                records.append(json.loads(out) if code == 0 else {"id": record, "missing": True})
            view = {"conflicts": node.ask("conflicts")["conflicts"], "records": records}
            files[name] = self.directory / f"view-{name}.json"
            files[name].write_text(json.dumps(view), encoding="utf-8")
        looks = [lambda: look("hub", self.hub, "show"),
                 lambda: look("station", self.station, "show")]
        looks += [lambda s=short, d=device: look(s, d, "get")
                  for short, device in self.devices.items()]
        Together(looks).join()
        return files


def has_lost_link(device, to_station, begun):
    """It has no link to that hub, or had to make another since `begun`."""
    ends = re.findall(r" (?:link-up .*station=(yes|no)|link-down|started)\b", device.log())
    return not ends or ends[-1] != ("yes" if to_station else "no") or \
        " link-down" in device.log(begun)


def is_at(device, hub):
    status = device.ask("status")
    return status["link"] == "in-sync" and status["connected_to"] == hub.name


def lost_at(kill):
    """Is something missing from the file that the kill left? Only to know when to stop killing: the
    account looks again, by itself."""
    import account  # pylint: disable=import-outside-toplevel
    return bool(account.missing_at_kill(kill, {}))


class Edits:
    """Who changes what during the outage, and what must come of it."""

    OUTCOMES = ["Awaiting court outcome", "Local resolution", "Offender given a caution",
                "Under investigation", "Unable to prosecute suspect"]
    CATEGORIES = ["Burglary", "Drugs", "Robbery", "Vehicle crime"]

    def __init__(self, day):
        self.day, self.random = day, day.random
        self.pool = self.random.sample(day.shared, len(day.shared))
        self.work = {short: [] for short in ALONE}
        self.turns = []  # (record, field, the values in the order in which they are written)
        self.checks = []

    def take(self, how_many):
        taken, self.pool = self.pool[:how_many], self.pool[how_many:]
        return taken

    def put(self, short, record, *words):
        device = self.day.devices[short]
        self.work[short].append(lambda: device.put("crime", *words, record=record))

    def delete(self, short, record, reason):
        device = self.day.devices[short]
        self.work[short].append(lambda: device.delete(record, reason))

    def expect(self, record, field=None, **what):
        self.checks.append(dict(record=record, **({"field": field} if field else {}), **what))

    def plan(self):
        self.same_field()
        self.different_fields()
        self.rules_that_settle()
        self.deletes()
        self.by_turns()

    def same_field(self):
        for record in self.take(10):
            who = self.random.sample(list(ALONE), self.random.choice([2, 2, 3]))
            values = self.random.sample(self.OUTCOMES, len(who))
            for short, value in zip(who, values):
                self.put(short, record, f"outcome={value}")
            self.expect(record, "outcome", conflict=values)
        for record in self.take(5):
            values = self.random.sample(self.CATEGORIES, 2)
            self.put("rees", record, f"category={values[0]}")
            self.put("doyle", record, f"category={values[1]}")
            self.expect(record, "category", conflict=values)
        for record in self.take(4):
            for short, end in (("rees", "charged"), ("okafor", "no_further_action")):
                self.put(short, record, "status=under_investigation")
                self.put(short, record, f"status={end}")
            self.expect(record, "status", conflict=["charged", "no_further_action"])
        for record in self.take(3):
            self.put("rees", record, "outcome=Local resolution")
            self.put("okafor", record, "outcome=Local resolution")
            self.expect(record, "outcome", shown="Local resolution")

    def different_fields(self):
        for record in self.take(12):
            self.put("rees", record, "location_text=Corner of the market, by the arch")
            self.put("okafor", record, "outcome=Local resolution", "log=Victim visited")
            self.put("doyle", record, "risk=high", "log=Statement taken")
            self.expect(record, "location_text", shown="Corner of the market, by the arch")
            self.expect(record, "outcome", shown="Local resolution")
            self.expect(record, "risk", shown="high")
            self.expect(record, "log", elements=["Statement taken", "Victim visited"])

    def rules_that_settle(self):
        for record in self.take(4):
            self.put("rees", record, "status=under_investigation")
            self.put("doyle", record, "status=under_investigation")
            self.put("doyle", record, "status=charged")
            self.expect(record, "status", shown="charged")
        for record in self.take(4):
            self.put("rees", record, "risk=high")
            self.put("doyle", record, "risk=standard")
            self.expect(record, "risk", shown="high")
        for record in self.take(4):  # a clock three years ahead must not win by that
            self.put("okafor", record, "falls_within=Written under a wrong clock")
            self.put("rees", record, "falls_within=British Transport Police")
            self.expect(record, "falls_within", shown="British Transport Police")
        for record in self.take(4):
            self.put("rees", record, "flags=knife")
            self.put("doyle", record, "flags=hate crime")
            self.expect(record, "flags", elements=["hate crime", "knife"])

    def deletes(self):
        for record in self.take(5):
            self.delete("okafor", record, "entered twice")
            self.put("rees", record, "summary=Witness came forward after all")
            self.expect(record, "_deleted", conflict=None)
            self.expect(record, "summary", shown="Witness came forward after all")
        for record in self.take(5):
            self.delete("doyle", record, "test entry")
            self.expect(record, deleted=True)

    def by_turns(self):
        """Who sees what the other wrote and writes over it does not disagree: who is alone does."""
        for number, record in enumerate(self.take(4)):
            values = self.random.sample(self.OUTCOMES, ROUNDS)
            self.turns.append((record, "outcome", values))
            if number % 2:
                self.expect(record, "outcome", shown=values[-1])
                continue
            value = next(value for value in self.OUTCOMES if value not in values)
            self.put("rees", record, f"outcome={value}")
            self.expect(record, "outcome", conflict=[values[-1], value])

    def take_turns(self):
        """Each waits until the other's words are on the own device; no hub is there. Who cannot go
        on, because a station lost what it acknowledged, stops there: the account says what that
        came to."""
        pair, written, stopped = [self.day.byrne, self.day.nkemelu], [], []

        def write(record, field, values):
            try:
                for number, value in enumerate(values):
                    pair[number % 2].put("crime", f"{field}={value}", record=record)
                    for device in pair:
                        wait_until(lambda d=device: self.shows(d, record, field) == value,
                                   self.day.patience, f"{device.name} sees \"{value}\"")
                    written.append(value)
            except Trouble as trouble:
                stopped.append(str(trouble))
        Together([lambda t=turn: write(*t) for turn in self.turns]).join()
        self.day.say.fact(f"{len(written)} edits of {len(self.turns)} crimes by turns, each after "
                          "the other's was seen on the own device: those two do not disagree")
        for trouble in stopped:
            self.day.say.fact(f"they could not go on: {trouble}")

    @staticmethod
    def shows(device, record, field):
        fields = {item["field"]: item["value"] for item in device.ask("get", record)["fields"]}
        return fields.get(field)

    def carry_out(self):
        def work(short):
            for act in self.work[short]:
                act()
        Together([lambda s=short: work(s) for short in ALONE]).join()
        disputes = sum(1 for check in self.checks if "conflict" in check)
        touched = len({check["record"] for check in self.checks})
        done = sum(len(acts) for acts in self.work.values())
        self.day.say.fact(f"{done} edits of {touched} crimes that others edit too: the same fields, "
                          f"different fields, and deletes of what another edits; {disputes} of "
                          "these a person will have to settle")
