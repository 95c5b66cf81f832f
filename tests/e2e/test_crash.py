"""kill -9 at any moment: nothing that was promised is lost, nothing is made twice."""
import csv
import os
import random
import re
import shutil
import signal
import threading
import time

import fold
from world import (DATA, MAPPING, SECONDS, SLOWNESS, STREET, Trouble, equal, expect, in_sync,
                   wait_until)

ROUNDS = 200 if os.environ.get("HOLDFAST_LONG") else 50
KILLS_OF_IMPORT = 4
TRIES = 5


class _Load:
    """One write after the other on each device; a write that a kill cuts off was not promised."""

    def __init__(self, devices, shared):
        self.ended, self.cut = threading.Event(), 0
        self.threads = [threading.Thread(target=self.write, args=(device, shared), daemon=True)
                        for device in devices]
        for thread in self.threads:
            thread.start()

    def write(self, device, shared):
        number = 0
        while not self.ended.is_set():
            number += 1
            try:
                self.one(device, shared, number)
            except Trouble:
                self.cut += 1
                time.sleep(0.02)

    @staticmethod
    def one(device, shared, number):
        """Mostly new notes; now and then what others may be at, too."""
        kind = number % 8
        if kind == 3:
            device.put("crime", f"summary=As {device.name} sees it, {number}", record=shared)
        elif kind == 5:
            for conflict in device.ask("conflicts")["conflicts"][:1]:
                device.resolve(conflict["record"], conflict["field"], "--choose", "1",
                               "--reason", "seen on the film")
        elif kind == 6:
            device.delete(device.put("note", f"subject=Mistaken {number}"), "entered twice")
        elif kind == 7:
            device.import_rows(STREET, MAPPING)
        else:
            device.put("note", f"subject=Sighting {number}", "status=open")

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def _acked(device):
    return sum(seq for _, seq in device.journal.acked_logs())


def _is_linked(device):
    events = re.findall(r" (link-up|link-down|started)\b", device.log())
    return events[-1] == "link-up"


def _kill_hub(world, hub, devices, number):
    """Returns what had been acknowledged and is not in the file that the kill left."""
    hub.kill()
    kept = world.directory / f"kill-{number}"
    kept.mkdir()
    for name in ("store.db", "store.db-wal"):
        if (hub.data / name).exists():
            shutil.copy(hub.data / name, kept / name)
    for device in devices:
        wait_until(lambda d=device: not _is_linked(d), SECONDS, f"{device.name} notices")
        device.settle()
    told = [dot for device in devices for dot in device.acknowledged()]
    hub.start()
    dots = fold.read_store(kept / "store.db").dots
    shutil.rmtree(kept)
    return [dot for dot in told if dot not in dots]


def fifty_kills_under_load_lose_nothing(world):
    hub, *devices = world.pair("rees", "okafor")
    shared = devices[0].put("crime", "summary=Seen by both")
    in_sync(hub, *devices)
    chance = random.Random(world.seed)
    killed = {"hub": 0, "device": 0}
    for number in range(1, ROUNDS + 1):
        for device in devices:
            device.settle()
        before = {device: _acked(device) for device in devices}
        load = _Load(devices, shared)
        try:
            for device in devices:
                wait_until(lambda d=device, b=before[device]: _acked(d) > b, SECONDS,
                           f"round {number}: an ack for {device.name}", pause=0.002)
            time.sleep(chance.uniform(0, 0.05))
            if number % 2:
                lost = _kill_hub(world, hub, devices, number)
                equal(lost, [], f"round {number}: acknowledged, and not in the file")
                killed["hub"] += 1
            else:
                victim = chance.choice(devices)
                victim.kill()
                victim.start()
                killed["device"] += 1
        finally:
            load.end()
        in_sync(hub, *devices)
    equal(killed, {"hub": ROUNDS // 2, "device": ROUNDS // 2}, "kills")
    held = fold.read_store(hub.data / "store.db").dots
    for device in devices:
        saved = set(device.promised())
        # One a round was acknowledged; the answer to who wrote it may have been cut with the device.
        expect(len(saved) >= ROUNDS // 2, f"only {len(saved)} writes on {device.name}: no load")
        equal(saved - held, set(), f"saved on {device.name}, and not at the hub")
        mine = fold.read_store(device.data / "store.db").dots
        equal(saved - mine, set(), f"saved on {device.name}, and not there any more")
    for node in (hub, *devices):
        equal(node.ask("verify")["faults"], 0, f"faults that verify finds at {node.name}")


def _identities(path):
    found, equal_rows = set(), {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            cells = tuple(row.values())
            equal_rows[cells] = equal_rows.get(cells, 0) + 1
            found.add((row["Crime ID"], row["Month"]) if row["Crime ID"] else
                      (cells, equal_rows[cells]))
    return len(found)


def _ends_in_mid_import(rees, path, chance):
    """The kernel ends the daemon as a file grows past a size that the import must pass."""
    rees.stop()
    most = max(file.stat().st_size for file in rees.data.iterdir())
    rees.environment["HOLDFAST_PLANTED"] = "fall-at-file-size"
    rees.start(prefix=("prlimit", f"--fsize={most + chance.randrange(2 ** 16, 2 ** 19)}"))
    expect(rees.import_rows(path, MAPPING)[0] != 0, "the import says that it is complete")
    equal(rees.process.wait(SECONDS), -signal.SIGXFSZ, "how the daemon ended")
    del rees.environment["HOLDFAST_PLANTED"]
    rees.start()


def an_import_that_was_killed_is_run_again_and_makes_nothing_twice(world):
    hub, okafor = world.pair("okafor")
    rees = world.make_device("rees", hub, planted=True)
    in_sync(hub, rees)
    chance = random.Random(world.seed)
    path = DATA / "street-bedfordshire-2018-10.csv"
    _ends_in_mid_import(rees, path, chance)
    for _ in range(KILLS_OF_IMPORT):  # and at any time
        begun = rees.log_size()
        runner = threading.Thread(target=rees.import_rows, args=(path, MAPPING))
        runner.start()
        time.sleep(chance.uniform(0.02, 0.4))
        rees.kill()
        runner.join()
        rees.start()
    expect(rees.log_size() > begun, "the daemon logged nothing")
    code, last = rees.import_rows(path, MAPPING)
    equal(code, 0, "the import's exit code")
    in_sync(hub, rees, okafor)
    wanted = _identities(path)
    for node in (hub, rees, okafor):
        listed = node.ask("list", "crime", "--limit", "10000")["records"]
        equal(len(listed), wanted, f"crimes at {node.name}")
    code, again = rees.import_rows(path, MAPPING)
    equal((again["seen"], again["created"], again["entries"]), (again["rows"], 0, []),
          "the same file once more")
    equal(last["rows"], again["rows"], "rows in the file")


def two_devices_that_import_the_same_file_make_the_same_records(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    hub.kill()  # neither sees what the other does
    for device in (rees, okafor):
        equal(device.import_rows(STREET, MAPPING)[0], 0, f"the import at {device.name}")
    hub.start()
    in_sync(hub, rees, okafor)
    for node in (hub, rees, okafor):
        equal(len(node.ask("list", "crime", "--limit", "10000")["records"]), _identities(STREET),
              f"crimes at {node.name}")
        equal(node.ask("conflicts")["total"], 0, f"conflicts at {node.name}")


def sigterm_ends_a_daemon_within_five_seconds_and_cleanly(world):
    hub, rees = world.pair("rees")

    def ends(node):
        began = time.monotonic()
        equal(node.stop(), 0, f"{node.name}: exit code")
        took = time.monotonic() - began
        expect(took < 5 * SLOWNESS, f"{node.name} took {took:.1f} s to end")
    for _ in range(TRIES):  # a device about to end has 2.5 s to send what waits: a disk may stall
        rees.put("note", "subject=The last one")
        ends(rees)
        behind = set(rees.promised()) - fold.read_store(hub.data / "store.db").dots
        if not behind:
            break
        rees.start()
    equal(behind, set(), "saved before the end, and not at the hub")
    ends(hub)


def an_entry_that_ends_the_hub_is_withheld_and_everyone_else_goes_on(world):
    """The hub has a mistake planted: one word trips an assertion, while the entry is applied."""
    hub = world.make_hub(planted="poison")
    rees, okafor = (world.make_device(name, hub) for name in ("rees", "okafor"))
    in_sync(hub, rees, okafor)
    rees.put("crime", "summary=written before")
    poison = rees.put("crime", "summary=POISON")
    falls = 0

    def fallen_or_done():
        try:
            return not hub.running() or hub.ask("status")["withheld_count"]
        except Trouble:  # it fell while it was asked
            return False

    while wait_until(fallen_or_done, SECONDS, "the hub falls, or withheld it") and not hub.running():
        falls += 1
        equal(hub.process.returncode, -signal.SIGABRT, "how the hub ended")
        expect(falls <= 2, "it falls again and again")
        hub.start()
    equal(falls, 2, "falls: once with the batch, once with the entry")
    hub.saw(r" entry-blamed entry=\S+/3/2 ", 0)
    after = okafor.put("crime", "summary=written by another")
    in_sync(hub, rees, okafor)
    seen = [write["withheld"] for write in rees.ask("history", poison, "summary")["writes"]]
    equal(seen, [{"code": 606, "why": "applying it ended the program"}], "what its author sees")
    expect("606" in rees.ask("status")["last_error"], "its author's status does not say why")
    listed = {row["id"] for row in hub.ask("list", "crime")["records"]}
    expect(after in listed and poison not in listed, f"what the hub lists: {listed}")
    equal(hub.ask("verify")["faults"], 0, "faults")
    hub.stop()
    hub.start()  # a word that once stood in the log stays there, and is not said again
    equal(len(re.findall(" entry-blamed ", hub.log())), 1, "times it was blamed")
