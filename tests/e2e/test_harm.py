"""A disk that rots or fills up, a store that is in use: no promise is broken, and people are told."""
import json
import os
import random
import resource
import subprocess

import fold
from world import MAPPING, SECONDS, STREET, Skip, equal, expect, in_sync, refused, wait_until

FLIPS = 40
SHOWN = 5
# The index from records to their entries, and certificates, are not sealed: too dear to check at
# every open. "verify" finds a flip there; what is shown must be right all the same.
FOUND_BY_VERIFY = ("does not know of it", "is not signed by the device")


def a_second_process_is_told_which_one_holds_the_store(world):
    hub, rees = world.pair("rees")
    for node in (hub, rees):
        refused(node, "run", code=75, says=str(node.process.pid))
        equal(node.ask("status")["pid"], node.process.pid, f"the pid that {node.name}'s status says")
    in_sync(hub, rees)  # and the first one did not mind


# ---- a byte that the disk gives back wrong ----

def _shown(node, records, word):
    """What a person sees of the store: everything listed, and a few records whole."""
    return [node.command("list", "--limit", "10000", "--json")] + \
        [node.command(word, record, "--json") for record in records]


def _judge(node, records, before, word, write):
    """None, or what is wrong with how the damaged store behaves."""
    code, out, err = node.command(*write)
    if code == 65:
        told = "damaged" in err and "safe" in err and len(err.strip().splitlines()) == 1
        return None if told else f"it refuses, but does not say what is wrong and safe: {err}"
    if code != 0:
        return f"neither refused nor done: {code}, {err}"
    report = node.command("verify", "--json")
    fault = json.loads(report[1])["first_fault"]
    if report[0] != 0 and not any(words in fault for words in FOUND_BY_VERIFY):
        return f"it was written on, and verify says {fault}"
    after = _shown(node, records, word)
    if after[1:] != before[1:]:
        return "it was written on, and shows other values than before"
    listed = {row["id"] for row in json.loads(after[0][1])["records"]}
    missing = {row["id"] for row in json.loads(before[0][1])["records"]} - listed
    return f"it was written on, and {len(missing)} records are gone" if missing else None


def _flip_everywhere(world, node, records, word, write):
    chance = random.Random(world.seed)
    sound = {path.name: path.read_bytes() for path in node.data.iterdir() if path.is_file()}
    before = _shown(node, records, word)
    refusals = 0
    for _ in range(FLIPS):
        for path in node.data.glob("store.db-*"):
            path.unlink()
        for name, content in sound.items():
            (node.data / name).write_bytes(content)
        store = bytearray(sound["store.db"])
        at, bit = chance.randrange(len(store)), 1 << chance.randrange(8)
        store[at] ^= bit
        (node.data / "store.db").write_bytes(store)
        wrong = _judge(node, records, before, word, write)
        expect(wrong is None, f"bit {bit:#x} of byte {at} of {len(store)}: {wrong}")
        refusals += node.command(*write)[0] == 65
    print(f"   {refusals} of {FLIPS} flips were refused", flush=True)
    expect(refusals > FLIPS // 4, f"only {refusals} of {FLIPS} flips were noticed: not a test")
    return sound


def a_flipped_byte_in_a_devices_store_stops_writing_or_harms_nothing(world):
    hub, rees = world.pair("rees")
    records = [rees.put("crime", "status=recorded", f"summary=Window {number}", "log=Visited")
               for number in range(SHOWN)]
    rees.import_rows(STREET, MAPPING)
    in_sync(hub, rees)
    rees.stop()
    _flip_everywhere(world, rees, records, "get", ("put", "crime", "summary=new"))


def a_flipped_byte_in_the_hubs_store_stops_writing_or_harms_nothing(world):
    hub, rees = world.pair("rees")
    records = [rees.put("crime", "status=recorded", f"summary=Window {number}", "log=Visited")
               for number in range(SHOWN)]
    rees.import_rows(STREET, MAPPING)
    in_sync(hub, rees)
    rees.stop()
    hub.stop()
    write = ("token", "--name", "okafor", "--force", "demo", "--unit", "response", "--scopes",
             "new/scope")
    _flip_everywhere(world, hub, records, "show", write)


def a_damaged_store_is_read_but_not_served(world):
    """What is sound can be read; a daemon does not go on with it."""
    hub, rees = world.pair("rees")
    first = rees.put("crime", "summary=sound")
    last = rees.put("crime", "summary=MARKED BY THE TEST")
    in_sync(hub, rees)
    rees.stop()
    store = rees.data / "store.db"
    content = store.read_bytes()
    expect(b"MARKED BY" in content, "the summary does not stand in the file")
    store.write_bytes(content.replace(b"MARKED BY", b"MARKED by"))
    seen = {field["field"]: field["value"] for field in rees.ask("get", first)["fields"]}
    equal(seen.get("summary"), "sound", "a record that is sound")
    refused(rees, "get", last, code=65, says="damaged")
    refused(rees, "put", "crime", "summary=new", code=65, says="safe")
    code, out, _ = rees.command("verify", "--json")
    expect(code == 1 and json.loads(out)["faults"] > 0, f"verify: {code}, {out}")
    hub.ask("show", last)  # the hub has it whole
    rees.launch()
    equal(rees.process.wait(timeout=SECONDS), 65, "how the daemon ends")
    expect("damaged" in rees.log(), "the daemon's log does not say why")


# ---- a disk that is full ----

def _mount(world, name, size):
    """A small disk for one node's files."""
    directory = world.directory / name
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "holdfast-e2e",
                           str(directory)], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    world.mounts.append(directory)
    return directory


def _leave(directory, kib):
    """So much room is left, whatever has been written so far."""
    disk = os.statvfs(directory)
    _grow(directory, f"{(disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024 + kib}k")


def _grow(directory, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(directory)], check=True)


def a_device_whose_disk_is_full_says_so_reads_on_and_recovers(world):
    disk = _mount(world, "rees", "8m")
    hub, rees = world.pair("rees")
    kept = rees.put("crime", "summary=before")
    in_sync(hub, rees)
    _leave(disk, 256)
    code, document = rees.import_rows(STREET, MAPPING)
    equal(code, 75, "the import's exit code when the disk is full")
    expect(document is None or not document["complete"], "the import says that it is complete")
    numbers = []
    while len(numbers) < 3000:
        code, out, err = rees.command("put", "note", f"subject={'x' * 2000}", "--json")
        if code != 0:
            break
        numbers.append(rees.saved(json.loads(out), "filling the disk")["id"])
    equal(code, 75, f"a write on a full disk ({err.strip()})")
    expect("full" in err and "safe" in err, f"it does not say what is wrong and safe: {err}")
    for words in (("get", kept), ("list", "--limit", "10"), ("status",), ("conflicts",)):
        equal(rees.command(*words)[0], 0, f"reading on a full disk: {words[0]}")
    for record in numbers[-3:]:
        equal(rees.command("get", record)[0], 0, "what was said to be saved")
    _grow(disk, "64m")
    later = rees.put("crime", "summary=after")
    in_sync(hub, rees)
    equal(rees.import_rows(STREET, MAPPING)[0], 0, "the import, run again")
    in_sync(hub, rees)
    held = fold.read_store(hub.data / "store.db").dots
    equal(set(rees.promised()) - held, set(), "promised, and not at the hub")
    for record in (kept, later):
        hub.ask("show", record)
    equal(rees.ask("verify")["faults"], 0, "faults")


def a_device_whose_files_may_not_grow_refuses_and_lives(world):
    hub, rees = world.pair("rees")
    rees.put("crime", "summary=before")
    pid, unbounded = rees.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    largest = max(path.stat().st_size for path in rees.data.iterdir() if path.is_file())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    for _ in range(3000):
        code, _, err = rees.command("put", "note", f"subject={'x' * 2000}", "--json")
        if code != 0:
            break
    expect(code in (74, 75), f"a write to a file that may not grow: {code} ({err.strip()})")
    expect("safe" in err, f"it does not say what is safe: {err}")
    expect(rees.running(), "the daemon ended")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unbounded)
    rees.put("crime", "summary=after")
    in_sync(hub, rees)
    equal(rees.ask("verify")["faults"], 0, "faults")


def a_hub_whose_disk_is_full_acknowledges_nothing_it_has_not_and_recovers(world):
    disk = _mount(world, "hub", "8m")
    hub, rees, okafor = world.pair("rees", "okafor")
    kept = rees.put("crime", "summary=before")
    in_sync(hub, rees, okafor)
    _leave(disk, 256)
    begun = hub.log_size()
    equal(rees.import_rows(STREET, MAPPING)[0], 0, "the import: the device has room")
    hub.saw("commit-failed", begun)
    rees.put("crime", "summary=The officer carries on")
    equal(hub.command("show", kept)[0], 0, "reading at the hub")
    status = rees.ask("status")
    expect(status["waiting"] > 0, "the device believes that all is at the hub")
    rees.settle()
    held = fold.read_store(hub.data / "store.db").dots
    lost = [dot for dot in rees.acknowledged() if dot not in held]
    equal(lost, [], "acknowledged, and not at the hub")
    expect(hub.running(), "the hub ended")
    _grow(disk, "64m")
    in_sync(hub, rees, okafor)
    held = fold.read_store(hub.data / "store.db").dots
    equal(set(rees.promised()) - held, set(), "promised, and not at the hub")
    equal(hub.ask("verify")["faults"], 0, "faults")
    wait_until(lambda: okafor.command("get", kept)[0] == 0, SECONDS, "the other device has it")
