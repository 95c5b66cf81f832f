"""A new device is given state in place of history, and is killed while it loads it."""
import json
import subprocess

from world import SECONDS, Trouble, equal, expect, in_sync, is_in_sync, wait_until

SCOPE = "beat"  # where measure/write writes
RECORDS = 12000  # some four megabytes of state, in several parts
LONG = 6 * SECONDS  # for what takes moments alone, and much longer beside other things


def _filled(world):
    """A hub that has many records, written at a device that is gone again."""
    hub = world.make_hub()
    rees = world.make_device("rees", hub, SCOPE)
    in_sync(hub, rees)
    rees.stop()
    done = subprocess.run([str(world.build / "measure" / "write"), str(rees.data), str(RECORDS),
                           "1000"], stdout=subprocess.PIPE, check=True, timeout=LONG)
    expect(json.loads(done.stdout)["records"] >= RECORDS, "the records were not written")
    rees.start()
    in_sync(hub, rees, seconds=LONG)
    return hub, rees


def _digest(node):
    report = node.ask("verify")
    equal(report["faults"], 0, f"{node.name}: {report['first_fault']}")
    return {row["scope"]: row["digest"] for row in report["digests"]}, report


def _expect_same(hub, device):
    there, _ = _digest(hub)
    here, report = _digest(device)
    for scope, digest in here.items():
        equal(digest, there[scope], f"{device.name}: digest of scope {scope}")
    expect(report["from_snapshot"] >= RECORDS, "it was not given a snapshot")
    return report


def _parts(device):
    """How many parts are staged; all of them once it is in sync. None: it cannot be asked just now."""
    try:
        status = device.ask("status")
    except (Trouble, ValueError, KeyError):
        return None
    if status["records"] >= RECORDS:
        return 1000000
    return (status["snapshot"] or {"parts": 0})["parts"]


def a_new_device_that_is_killed_while_it_loads_goes_on_and_ends_with_the_hubs_state(world):
    hub, _ = _filled(world)
    khan = world.make_device("khan", hub, SCOPE, start=False)
    for kill in range(8):
        khan.start()
        # A later part each time, or the end of it all, whichever this machine comes to first.
        wait_until(lambda least=kill: (_parts(khan) or 0) >= least, LONG, f"part {kill} is here")
        khan.kill()
    khan.start()
    wait_until(lambda: is_in_sync(hub, [khan]), LONG, "khan is in sync")
    _expect_same(hub, khan)


def a_hub_that_is_killed_while_it_makes_a_snapshot_makes_it_again(world):
    hub, _ = _filled(world)
    khan = world.make_device("khan", hub, SCOPE, start=False)
    khan.start()
    for _ in range(3):
        wait_until(lambda: khan.ask("status")["link"] in ("catching-up", "in-sync"), LONG,
                   "khan is connected")
        hub.kill()
        hub.start()
    wait_until(lambda: is_in_sync(hub, [khan]), LONG, "khan is in sync")
    _expect_same(hub, khan)


def a_device_with_a_snapshot_says_what_it_cannot_tell(world):
    hub, rees = _filled(world)
    khan = world.make_device("khan", hub, SCOPE)
    wait_until(lambda: is_in_sync(hub, [khan]), LONG, "khan is in sync")
    _expect_same(hub, khan)
    first = khan.ask("list")["records"][0]["id"]
    history = khan.ask("history", first)
    equal(history["complete"], False, "complete")
    equal(history["writes"], [], "writes whose entries it holds")
    fields = khan.ask("get", first)["fields"]
    expect(fields, "the record is empty")
    for field in fields:
        for value in field["values"]:
            equal(value["actor"], "PC 4411 Rees", f"who wrote {field['field']}")
    code, out, _ = khan.command("history", first)
    equal(code, 0, "history")
    expect("the hub has it" in out, f"history does not say where the rest is: {out!r}")
    khan.put("crime", "summary=After the snapshot", record=first)
    wait_until(lambda: any(write["value"] == "After the snapshot"
                           for write in rees.ask("history", first)["writes"]), LONG,
               "what khan wrote over it is at rees")
    in_sync(hub, rees, khan, seconds=LONG)
    _expect_same(hub, khan)
