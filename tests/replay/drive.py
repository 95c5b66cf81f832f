"""The story's processes: a centre, three stations, their devices; and the day they live.

Only the wall clock of the story is compressed: what happens at 3 h happens after 3 h / compression.
Time-outs, pauses between dials and drain limits stay as they are in life."""
import json
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
from fleet import (START_SECONDS, Device, Hub, Station,  # pylint: disable=wrong-import-position
                   Trouble, free_port, wait_until)
from plan import STATIONS, force_of, forces_at, station_of  # pylint: disable=wrong-import-position

SHARED = "region/all"
CONVERGE_SECONDS = 900  # criterion 6: all text within a quarter of an hour
REFUSED = (74, 75)      # exit codes that say for certain that nothing was saved
APART_SECONDS = 150     # a hub that is back for less than two minutes has not been back: one outage
LEAD_SECONDS = 40       # from a window's announcement to its beginning: a device asks each 15


def scope_of(force):
    return f"force-{force + 1}/all"


class Centre(Hub):
    """Keeps its ports from the beginning, dead or alive."""

    def __init__(self, build, directory):
        super().__init__(build, directory)
        self.name, self.port = "the centre", free_port()

    def make(self):
        self.must("init", "--listen", f"127.0.0.1:{self.port}", "--enrol",
                  f"127.0.0.1:{free_port()}")


class Officer(Device):
    """A device whose owner does what the plan says, and which may be unable to for a while."""

    def __init__(self, build, number, directory):
        super().__init__(build, f"PC {1000 + number}", directory)
        self.number, self.busy = number, threading.Lock()  # busy: it is being started, or asked

    def join_all(self, centre, stations):
        force = force_of(self.number)
        self.join(centre, f"{scope_of(force)},{SHARED}", *(station.port for station in stations),
                  force=f"force-{force + 1}", unit="response")

    def write(self, act, record):
        """(id, "") once it is said to be saved; else (None, why, whether it may be there)."""
        target = ["--id", record] if record else []
        scope = ["--scope", SHARED] if act.creates and act.shared else []
        with self.busy:
            code, out, err = self.command("put", act.kind, *target, *scope, *act.words, "--json")
        if code != 0:
            return None, err.strip(), code not in REFUSED
        document = json.loads(out)
        self.saved(document, f"{act.key}: {' '.join(act.words)}")
        return document, "", False

    def configure(self, hub, stations=()):
        """Another hub is its first from now on."""
        lines = [f'hub = "localhost:{hub.port}"']
        if stations:
            lines.append("stations = {%s}" % ", ".join(f'"localhost:{one.port}"'
                                                       for one in stations))
        (self.data / "holdfast.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


class World:
    def __init__(self, build, directory, devices, say):
        self.directory, self.say = Path(directory), say
        self.hub = Centre(build, self.directory / "centre")
        self.stations = [Station(build, f"station {number + 1}",
                                 self.directory / f"station-{number + 1}")
                         for number in range(STATIONS)]
        self.officers = [Officer(build, number, self.directory / f"device-{number:03}")
                         for number in range(devices)]
        self.thief = Officer(build, devices, self.directory / "stolen")
        self.thief.name = "the stolen phone"
        self.keys = set()    # of every record that was to be made
        self.records = {}    # key: id, once it is said to be saved
        self.called = {}     # id: the number that its officer was told
        self.back = {}       # run: when the centre was back, by the monotonic clock
        self.refused = []    # acts that were not said to be saved
        self.doubtful = []   # keys of those that may have been saved all the same: a kill
        self.disputes_left = 0  # writes of disputes that are still to come
        self.lock = threading.Lock()

    def nodes(self):
        return [self.hub, *self.stations, *self.officers, self.thief]

    def own_stations(self, officer):
        number = station_of(officer.number)
        return [] if number is None else [self.stations[number]]

    def begin(self):
        alone = sum(1 for officer in self.officers if not self.own_stations(officer))
        self.say.step(f"A centre, {STATIONS} stations and {len(self.officers)} devices of nine "
                      f"forces start; {alone} devices are out of reach of any station")
        self.hub.make()
        self.hub.start()
        for number, station in enumerate(self.stations):
            station.join(self.hub, ",".join([*map(scope_of, forces_at(number)), SHARED]),
                         force="all", unit="stations")
            station.start()
        for officer in self.officers:
            officer.join_all(self.hub, self.own_stations(officer))
            officer.start()
        self.thief.join_all(self.hub, [])
        self.thief.start()
        self.converge()

    def close(self, keep):
        for node in self.nodes():
            if not keep:
                node.kill()
        for officer in (*self.officers, self.thief):
            officer.close()

    # ---- acting ----

    def act(self, act):
        """Returns whether it is said to be saved."""
        document, why, doubtful = self.officers[act.device].write(act, self.records.get(act.key))
        with self.lock:
            if act.creates:
                self.keys.add(act.key)
            if document and act.creates:
                self.records[act.key] = document["id"]
                if document.get("called"):
                    self.called[document["id"]] = document["called"]
            if not document:
                self.refused.append({"key": act.key, "device": act.device, "why": why})
            if doubtful:
                self.doubtful.append(act.key)
        return document is not None

    def before(self, plan):
        self.say.step(f"All is well: {len(plan.before):,} records are made that go on later")
        for act in plan.before:
            self.act(act)
        self.converge()

    def live(self, plan, began, compress):
        """Every officer does their part of the plan at its time; what cannot be in time comes late."""
        self.disputes_left = sum(act.shared for act in plan.acts)

        def day(officer):
            for act in plan.acts:
                if act.device != officer.number:
                    continue
                time.sleep(max(0.0, began + act.at_s / compress - time.monotonic()))
                if act.creates or act.key in self.records:
                    self.act(act)
                with self.lock:
                    self.disputes_left -= act.shared
        threads = [threading.Thread(target=day, args=(officer,), daemon=True)
                   for officer in self.officers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # ---- the centre goes and comes ----

    def goes(self, run, words, end):
        self.say.step(words)
        for officer in (*self.officers, self.thief):
            officer.offline = run  # what is journalled from here on had to wait
        end()

    def comes(self, run):
        self.hub.start()
        for officer in (*self.officers, self.thief):
            officer.offline = False
        self.back[run] = time.monotonic()

    def sum_up(self):
        on_devices = sum(officer.ask("status")["waiting"] for officer in self.officers)
        at_stations = sum(station.ask("status")["upstream"]["waiting"]
                          for station in self.stations)
        self.say.fact(f"{on_devices:,} entries wait on devices, {at_stations:,} at stations; "
                      f"{len(self.refused)} writes were refused, and their officers told so")

    # ---- a planned window ----

    def ready(self):
        """As the operator asks: the exit code says whether enough are."""
        wait_until(lambda: self.hub.command("readiness")[0] == 0, CONVERGE_SECONDS,
                   "the devices are ready", 0.5)

    def announce(self, seconds):
        """Returns when it begins and ends, by the monotonic clock. All have acknowledged it."""
        lead = max(LEAD_SECONDS, APART_SECONDS - (time.monotonic() - max(self.back.values())))
        while True:
            now, moment = time.monotonic(), datetime.now(timezone.utc)
            starts, ends = (moment + timedelta(seconds=more) for more in (lead, lead + seconds))
            window = self.hub.ask("window", "announce", "--from", f"{starts:%Y-%m-%dT%H:%M:%SZ}",
                                  "--until", f"{ends:%Y-%m-%dT%H:%M:%SZ}", "--why", "new disks")
            try:
                wait_until(lambda: self.acknowledged(window["id"]), lead - 1, "all acknowledge")
                return now + lead, now + lead + seconds
            except Trouble:  # a slow machine: announced anew, with more notice
                self.hub.must("window", "off", window["id"])
                lead *= 2

    def acknowledged(self, window):
        row = next(row for row in self.hub.ask("window", "list")["windows"] if row["id"] == window)
        self.say.progress(f"acknowledged by {row['acknowledged']}")
        time.sleep(0.5)
        return not row["not_acknowledged"]

    # ---- convergence ----

    def standing(self):
        """(entries at the hub, entries saved, whether nobody waits for anything)"""
        at_hub = saved = 0
        all_well = True
        for officer in self.officers:
            status = officer.ask("status")
            at_hub += status["at_the_hub"]
            saved += status["written_here"]
            all_well = all_well and status["waiting"] == 0 and status["link"] == "in-sync"
        all_well = all_well and at_hub == saved
        for station in self.stations if all_well else []:
            upstream = station.ask("status")["upstream"]
            all_well = all_well and upstream["link"] == "in-sync" and upstream["waiting"] == 0
        for hub in (self.hub, *self.stations) if all_well else []:
            for row in hub.ask("devices")["devices"]:
                all_well = all_well and not (row["connected"] and row["behind"])
        return at_hub, saved, all_well and self.agree()

    def agree(self):
        """Do all hold the same, as they say themselves? The judge finds out for itself."""
        found = {row["scope"]: row["digest"] for row in self.hub.ask("verify")["digests"]}
        return all(found.get(row["scope"]) == row["digest"]
                   for node in (*self.stations, *self.officers)
                   for row in node.ask("verify")["digests"] if row["scope"] != 0)

    def converge(self):
        deadline = time.monotonic() + CONVERGE_SECONDS
        while True:
            at_hub, saved, everywhere = self.standing()
            self.say.progress(f"at the hub: {at_hub:,} of {saved:,} entries")
            if everywhere:
                break
            if time.monotonic() > deadline:
                raise Trouble(f"after {CONVERGE_SECONDS} s {at_hub:,} of {saved:,} entries are at the "
                              "hub, or somebody is behind")
            time.sleep(1)
        for officer in self.officers:
            officer.settle()
        self.say.fact(f"in sync: {at_hub:,} of {saved:,} entries at the hub")
