"""The story's processes: a centre, its devices and, once told so, stations; and the day they live.

Only the wall clock of the story is compressed: what happens at 3 h happens after 3 h / COMPRESS.
Time-outs, pauses between dials and drain limits stay as they are in life."""
import json
import random
import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
from fleet import Device, Hub, Trouble, wait_until  # pylint: disable=wrong-import-position

FORCES = 9
SHARED = "region/all"
YEAR_MS = 365 * 86400 * 1000
STEP_SECONDS = 60      # for anything that should take moments
CONVERGE_SECONDS = 900  # criterion 6: all text within a quarter of an hour
FLAPS = 2


def force_of(number):
    return f"force-{1 + number % FORCES}"


class Officer(Device):
    """A device whose owner does what the plan says, and which may be unable to for a while."""

    def __init__(self, build, number, directory):
        super().__init__(build, f"PC {1000 + number}", directory)
        self.number, self.refused = number, 0

    def write(self, act, records):
        """True once it is said to be saved. What is not saved was promised to nobody."""
        words = list(act.words)
        target = ["--id", records[act.key]] if not act.creates else []
        scope = ["--scope", SHARED] if act.creates and act.shared else []
        code, out, err = self.command("put", act.kind, *target, *scope, *words, "--json")
        if code != 0:
            self.refused += 1
            return None, err.strip()
        document = json.loads(out)
        self.saved(document, f"{act.key}: {' '.join(words)}")
        return document["id"], None


class World:
    def __init__(self, build, directory, devices, seed, say):
        self.directory, self.say = Path(directory), say
        self.chance = random.Random(f"{seed}/trouble")
        self.hub = Hub(build, self.directory / "centre")
        self.officers = [Officer(build, number, self.directory / f"device-{number:03}")
                         for number in range(devices)]
        self.records = {}   # key of the plan: id
        self.times = {}     # what happened when, by the monotonic clock
        self.lost = []      # acts that were not saved, and were said not to be
        self.lock = threading.Lock()

    def nodes(self):
        return [self.hub, *self.officers]

    def begin(self):
        self.say.step(f"A centre and {len(self.officers)} devices of {FORCES} forces start")
        self.hub.make()
        self.hub.start()
        for officer in self.officers:
            force = force_of(officer.number)
            officer.must("init")
            officer.must("enrol", "--token-file", "-", feed=self.hub.token(
                officer.name, f"{force}/all,{SHARED}", force=force, unit="response"))
            officer.start()
        self.converge()

    def close(self, keep):
        for node in self.nodes():
            if not keep:
                node.kill()
        for officer in self.officers:
            officer.close()

    # ---- acting ----

    def act(self, act):
        officer = self.officers[act.device]
        found, why = officer.write(act, self.records)
        with self.lock:
            if found and act.creates:
                self.records[act.key] = found
            if not found:
                self.lost.append({"key": act.key, "device": officer.name, "why": why})

    def each_officer(self, work):
        threads = [threading.Thread(target=work, args=(officer,), daemon=True)
                   for officer in self.officers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def before(self, plan):
        self.say.step(f"All is well: {len(plan.before):,} records are made that go on later")
        for act in plan.before:
            self.act(act)
        self.converge()

    def live(self, plan, compress):
        """Every officer does their part of the plan at its time; what cannot be in time comes late."""
        began = time.monotonic()

        def day(officer):
            for act in plan.acts:
                if act.device != officer.number:
                    continue
                time.sleep(max(0.0, began + act.at_s / compress - time.monotonic()))
                if act.creates or act.key in self.records:
                    self.act(act)
        self.each_officer(day)

    # ---- trouble ----

    def at(self, began, story_s, compress, trouble):
        def wait():
            time.sleep(max(0.0, began + story_s / compress - time.monotonic()))
            trouble()
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def disk_full(self, officer):
        """Its files may not grow any more; an officer is told that nothing was saved."""
        pid = officer.process.pid
        size = max(path.stat().st_size for path in officer.data.iterdir() if path.is_file())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        self.say.fact(f"{officer.name}: the disk is full")

    def disk_freed(self, officer):
        resource.prlimit(officer.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.say.fact(f"{officer.name}: the disk has room again")

    def power_cut(self, officer):
        officer.kill()
        officer.start()
        self.say.fact(f"{officer.name}: killed (SIGKILL) in mid-write, and started again")

    def clock(self, officer, offset_ms):
        officer.stop()
        officer.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(offset_ms)
        officer.start()
        self.say.fact(f"{officer.name}: restarted with a clock that is {offset_ms / 60000:+,.0f} "
                      "minutes off")

    def lose_centre(self):
        self.say.step("The data centre goes dark (SIGKILL)")
        for officer in self.officers:
            officer.offline = True
        self.hub.kill()
        self.times["lost"] = time.monotonic()

    def centre_returns(self):
        self.say.step("The data centre comes back, and fails twice more while everyone returns")
        for officer in self.officers:
            officer.offline = False
        for _ in range(FLAPS):
            self.hub.start()
            time.sleep(self.chance.uniform(0.2, 0.8))
            self.hub.kill()
        self.hub.start()
        self.times["back"] = time.monotonic()

    def outage(self, plan, length_s, compress):
        self.lose_centre()
        began = time.monotonic()
        full, cut, behind, ahead = self.chance.sample(self.officers, 4)
        troubles = [
            self.at(began, 0, compress, lambda: self.clock(behind, -3 * YEAR_MS)),
            self.at(began, 0, compress, lambda: self.clock(ahead, 40 * 60000)),
            self.at(began, 2 * 3600, compress, lambda: self.disk_full(full)),
            self.at(began, 2 * 3600 + 1200, compress, lambda: self.disk_freed(full)),
            self.at(began, length_s / 2, compress, lambda: self.power_cut(cut))]
        self.live(plan, compress)
        for trouble in troubles:
            trouble.join()
        time.sleep(max(0.0, began + length_s / compress - time.monotonic()))
        waiting = sum(officer.ask("status")["waiting"] for officer in self.officers)
        self.say.fact(f"{waiting:,} entries wait on the devices; {len(self.lost):,} writes were "
                      "refused, and their officers told so")

    # ---- convergence ----

    def standing(self):
        at_hub = saved = 0
        everywhere = True
        for officer in self.officers:
            status = officer.ask("status")
            at_hub += status["at_the_hub"]
            saved += status["written_here"]
            everywhere = everywhere and status["waiting"] == 0 and status["link"] == "in-sync"
        for row in self.hub.ask("devices")["devices"] if everywhere else []:
            everywhere = everywhere and row["in_sync"] and row["behind"] == 0
        return at_hub, saved, everywhere

    def converge(self):
        deadline = time.monotonic() + CONVERGE_SECONDS
        while True:
            at_hub, saved, everywhere = self.standing()
            self.say.progress(f"at the hub: {at_hub:,} of {saved:,} entries")
            if everywhere:
                break
            if time.monotonic() > deadline:
                raise Trouble(f"after {CONVERGE_SECONDS} s {at_hub:,} of {saved:,} entries are at the "
                              "hub, or a device is behind")
            time.sleep(0.5)
        for officer in self.officers:
            officer.settle()
        self.say.fact(f"in sync: {at_hub:,} of {saved:,} entries at the hub")
