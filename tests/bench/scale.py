"""Many devices: ten thousand real links at one hub, and a whole deployment in virtual time."""
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from stage import SCOPE, STEP_SECONDS, Trouble, memory_kib

PACE = 32  # links being made at a time, where a storm is not what is measured
SETTLE_S = 1.0
FAST_FOLDER = Path("/dev/shm")  # enrolment waits for the disk twice a device, which nobody measures


def make_fleet(stage, count, scope):
    """A template whose hub knows many devices more."""
    directory = stage.directory / "fleet"
    parent = FAST_FOLDER if FAST_FOLDER.is_dir() else stage.directory
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=parent) as fast:
        shutil.copytree(stage.template, Path(fast) / "all")
        stage.run("mint", Path(fast) / "all" / "hub", count, scope, Path(fast) / "all" / "devices")
        shutil.copytree(Path(fast) / "all", directory)
    return directory


class Crowd:
    """The hub of a round, and its many devices, all in one process."""

    def __init__(self, place):
        self.hub, self.port = place.hub, place.start_hub()
        time.sleep(SETTLE_S)
        self.empty = memory_kib(self.hub.process.pid)
        self.devices = place.tool("fleet", place.hub.data, place.directory / "devices", self.port)
        self.devices.line()

    def connect(self, count, window):
        """Seconds until all are in sync."""
        self.devices.tell(f"connect {count} {window}")
        return json.loads(self.devices.line())["seconds"]

    def each_kib(self, count):
        time.sleep(SETTLE_S)
        return (memory_kib(self.hub.process.pid) - self.empty) / count


class Bare:
    """TLS alone, with as many links: what each costs in memory, and all of them in time."""

    def __init__(self, stage, folder):
        self.stage, self.folder, self.seconds = stage, folder, 0
        self.server = stage.tool("tls", "serve", folder)
        self.port = int(self.server.line())
        self.empty, self.count, self.clients = self.server.ask("count")["rss"], 0, []

    def connect(self, count):
        """KiB each, once `count` of them are open."""
        client = self.stage.tool("tls", "dial", self.folder, self.port, count - self.count, PACE)
        self.clients.append(client)
        self.seconds += json.loads(client.line())["seconds"]
        self.count = count
        time.sleep(SETTLE_S)
        return (self.server.ask("count")["rss"] - self.empty) / count

    def close(self):
        for tool in [*self.clients, self.server]:
            tool.close()


def crowd(stage, plan, add):
    """Once, not in rounds: it takes a minute, and ten thousand links are their own median."""
    few, many = plan.count(1000, 100), plan.count(10000, 200)
    fleet = make_fleet(stage, many, SCOPE)
    with stage.round(fleet) as place:
        devices = Crowd(place)
        devices.connect(few, PACE)
        ours_few = devices.each_kib(few)
        devices.connect(many, PACE)
        ours_many = devices.each_kib(many)
    bare = Bare(stage, fleet / "hub")
    try:
        add("idle_connection", ours_few, bare.connect(few))
        add("idle_connection_10k", ours_many, bare.connect(many))
        limit = bare.seconds
    finally:
        bare.close()
    with stage.round(fleet) as place:
        add("storm_10k_s", Crowd(place).connect(many, many), limit)


def sim_speed(stage, plan, add):
    """Times faster than life, in one thread, with every fault that the simulator knows."""
    for number in plan.rounds:
        done = subprocess.run([str(stage.build / "sim"), "--seeds", "1", "--from", str(1 + number),
                               "--edges", "20", "--writes", "200", "--jobs", "1",
                               "--hours", str(plan.count(2, 0.2))],
                              text=True, stdout=subprocess.PIPE, timeout=STEP_SECONDS, check=False)
        speed = re.search(r" (\d+)x life", done.stdout)
        if done.returncode != 0 or not speed:
            raise Trouble(f"sim: {done.stdout.strip()}")
        add("sim_speed", int(speed[1]))
