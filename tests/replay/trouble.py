"""What goes wrong on top of the outage: domain.md 4.5's list, as far as real processes can show it."""
import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
from fleet import START_SECONDS, Trouble, wait_until  # pylint: disable=wrong-import-position
from drive import CONVERGE_SECONDS  # pylint: disable=wrong-import-position
from plan import HOUR_S, STATIONS, Act, station_of  # pylint: disable=wrong-import-position

YEAR_MS = 365 * 86400 * 1000
FLAPS = 2
FLAP_SECONDS = 0.7  # 40 s of the story at 60 times
NOT_INJECTED = (
    "cross-force suspects and intelligence links: matching comes later (criterion 7)",
    "detainees over a review or the 24 hours: clocks come with the police pack (criterion 5)",
    "messages twice or out of order: TLS between real processes gives none; the simulator does",
)


class Troubles:
    """Each happens at its time, in a thread of its own; an error in one ends the story."""

    def __init__(self, world, plan, compress):
        self.world, self.roles, self.compress = world, plan.roles, compress
        self.happened, self.errors, self.threads = [], [], []

    def tell(self, words):
        self.happened.append(words)
        self.world.say.fact(words)

    def at(self, began, story_s, trouble, *arguments):
        def wait():
            time.sleep(max(0.0, began + story_s / self.compress - time.monotonic()))
            try:
                trouble(*arguments)
            except (Trouble, OSError) as error:
                self.errors.append(f"{trouble.__name__}: {error}")
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        self.threads.append(thread)

    def plan(self, began):
        world, roles = self.world, self.roles
        officers, stations = world.officers, world.stations
        twenty_s = 1200 / self.compress
        self.at(began, 0, self.clock, officers[roles.behind], -3 * YEAR_MS)
        self.at(began, 0, self.clock, officers[roles.ahead], 40 * 60000)
        self.at(began, HOUR_S / 2, self.revoke)
        self.at(began, HOUR_S, self.steal)
        self.at(began, 2 * HOUR_S, self.device_disk, officers[roles.full], twenty_s)
        self.at(began, 2 * HOUR_S, self.station_disk, stations[roles.full_station], twenty_s)
        self.at(began, 3 * HOUR_S, self.power_cut, stations[roles.cut_station])
        self.at(began, 3 * HOUR_S, self.power_cut, officers[roles.cut])
        for guest in roles.guests:
            self.at(began, 5 * HOUR_S, self.move, officers[guest])

    def over(self):
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise Trouble("; ".join(self.errors))

    # ---- one by one ----

    def clock(self, officer, offset_ms):
        with officer.busy:
            officer.stop()
            officer.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(offset_ms)
            officer.start()
        self.tell(f"{officer.name}: restarted with a clock that is {offset_ms / 60000:+,.0f} "
                  "minutes off")

    def revoke(self):
        """By a command on the dead hub's files: nobody else knows."""
        self.world.hub.must("revoke", self.world.thief.name, "--reason", "stolen")
        self.tell("The stolen phone is revoked at the dark centre, which alone knows")

    def steal(self):
        """Whoever has it writes on; it has no other way than the centre."""
        self.world.thief.put("note", "subject=Written by a thief")
        self.tell("The stolen phone is still written on")

    def limit(self, node, size):
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE,
                         (size, resource.RLIM_INFINITY))

    def device_disk(self, officer, seconds):
        """Its files may not grow; an officer is told that nothing was saved."""
        self.limit(officer, 1)
        tries = [0]

        def is_refused():
            act = Act(0, officer.number, "note", f"disk/{officer.number}/{tries[0]}",
                      (f"subject=disk/{officer.number}/{tries[0]}",), True)
            tries[0] += 1
            return not self.world.act(act)
        wait_until(is_refused, START_SECONDS, f"{officer.name}: a full disk refuses")
        self.tell(f"{officer.name}: the disk is full, and a write refused")
        time.sleep(seconds)
        self.limit(officer, resource.RLIM_INFINITY)
        self.tell(f"{officer.name}: the disk has room again")

    def station_disk(self, station, seconds):
        self.limit(station, 1)
        self.tell(f"{station.name}: the disk is full")
        time.sleep(seconds)
        self.limit(station, resource.RLIM_INFINITY)
        self.tell(f"{station.name}: the disk has room again")

    def power_cut(self, node):
        node.kill()  # whatever it is in the middle of
        if hasattr(node, "busy"):
            with node.busy:
                node.start()
        else:
            node.start()
        self.tell(f"{node.name}: killed (SIGKILL), and started again")

    def move(self, officer):
        """Its owner is elsewhere, and has another force's station alone."""
        wait_until(lambda: self.world.disputes_left == 0, CONVERGE_SECONDS, "the disputes are begun")
        there = self.world.stations[(station_of(officer.number) - 1) % STATIONS]
        with officer.busy:
            officer.stop()
            officer.configure(there)
            officer.start()
        self.tell(f"{officer.name}: comes back through {there.name}, which is another force's")

    def put_right(self):
        """A new shift: guests are home, clocks are set, as readiness asks before a planned outage; and
        who went to his station goes to the centre at once, instead of some minutes later."""
        for officer in self.world.officers:
            officer.stop()
            officer.configure(self.world.hub, self.world.own_stations(officer))
            officer.environment.pop("HOLDFAST_CLOCK_OFFSET_MS", None)
            officer.start()

    def flap(self):
        for _ in range(FLAPS):
            self.world.hub.start()
            time.sleep(FLAP_SECONDS)
            self.world.hub.kill()
        self.tell(f"The centre fails {FLAPS} times more as it comes back")

    def thief_is_refused(self):
        """It dials the centre that is back, and is told that it is not admitted."""
        self.world.thief.saw(r"does not admit this key|revoked", 0, START_SECONDS)
        self.tell("The stolen phone is refused by the centre that is back")
