"""The number on the doorstep: given where there is no network, given once, found by whatever was told."""
import json
import subprocess

from world import Hub, PACK, equal, expect, in_sync, wait_until

BLOCK = 4  # numbers at a time, so that a few crimes use them up


def _small_blocks(world, hub):
    """Publishes the police pack anew, with blocks that a device uses up in a minute."""
    pack = json.loads(PACK.read_text())
    pack["version"] = 2
    for kind in pack["types"]:
        if "reference" in kind:
            kind["reference"]["block"] = BLOCK
    source, compiled = world.directory / "small.json", world.directory / "small.cbor"
    source.write_text(json.dumps(pack))
    subprocess.run([world.build / "holdfast-pack", source, compiled], check=True)
    hub.must("pack", str(compiled))


def _world(world, *names):
    """(hub, device, ...) with small blocks; each device holds one of each series."""
    hub = world.make_hub()
    _small_blocks(world, hub)
    devices = [world.make_device(name, hub) for name in names]
    for device in devices:
        wait_until(lambda device=device: _left(device) == BLOCK, 30, "it was leased a block")
    in_sync(hub, *devices)
    return (hub, *devices)


def _left(device, series="crime"):
    return {item["series"]: item["left"] for item in device.ask("status")["references"]}.get(series)


def _put(device, summary):
    saved = device.ask("put", "crime", f"summary={summary}")
    return saved["id"], saved["called"], saved["provisional"]


def _shown(node, record):
    return {field["field"]: field["value"] if not field["many"] else
            [value["value"] for value in field["values"]]
            for field in node.ask("show" if isinstance(node, Hub) else "get", record)["fields"]}


def _used_up(device):
    """As many crimes as it has numbers for -> their references"""
    given = []
    while _left(device):
        _, reference, provisional = _put(device, "Window forced")
        expect(not provisional, "it has a number left, and gave a provisional reference")
        given.append(reference)
    return given


def a_device_that_runs_dry_gives_provisional_references_and_their_numbers_follow(world):
    hub, rees, okafor = _world(world, "rees", "okafor")
    hub.kill()
    given = _used_up(rees) + _used_up(okafor)
    equal(len(set(given)), 2 * BLOCK, "references that differ")
    late = [_put(rees, "No number left") for _ in range(3)]
    for record, reference, provisional in late:
        expect(provisional and reference.startswith("PROV-"), f"{reference} is not provisional")
        equal([found["id"] for found in rees.ask("find", reference)["records"]], [record],
              "what its provisional reference finds while the hub is away")
    out = rees.must("status")
    expect("crime: none left" in out and "3 records have only a provisional one" in out,
           f"status does not say that its numbers have run out: {out}")
    hub.start()
    for record, _, _ in late:
        wait_until(lambda record=record: "crime_ref" in _shown(rees, record), 60,
                   "its number has followed")
    in_sync(hub, rees, okafor)
    numbers = given + [_shown(rees, record)["crime_ref"] for record, _, _ in late]
    equal(len(set(numbers)), len(numbers), "references that differ, with those that followed")
    for record, reference, _ in late:
        for node in (rees, okafor, hub):
            shown = _shown(node, record)
            expect(shown["crime_ref"].startswith("CR/"), f"{node.name} shows {shown['crime_ref']}")
            equal(shown["other_refs"], [reference], f"the alias that {node.name} shows")
        equal([found["id"] for found in okafor.ask("find", reference)["records"]], [record],
              "what the provisional reference finds on another device, later")
    listed = hub.ask("references")
    equal((listed["provisional_count"], listed["shared"]), (0, []), "what the operator sees is left")
    crime = next(item for item in listed["series"] if item["series"] == "crime")
    equal(crime["used"], len(numbers), "numbers on records, as the operator sees them")
    equal({block["device"] for block in crime["blocks"]}, {"rees", "okafor"}, "who has leased them")
    expect("numbers leased in" in hub.must("references"), "the operator's page")
    equal(rees.ask("verify")["faults"], 0, "faults on the device")
    equal(hub.ask("verify")["faults"], 0, "faults at the hub")


def a_device_killed_as_it_gives_numbers_gives_none_twice(world):
    hub, rees = _world(world, "rees")
    for _ in range(4):
        hub.kill()
        writer = subprocess.Popen([rees.program, "--data", rees.data, "put", "crime",
                                   "summary=Cut off"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        rees.kill()
        writer.wait()
        rees.start()
        _put(rees, "After the cut")
        hub.start()
        in_sync(hub, rees)
    wait_until(lambda: rees.ask("status")["provisional"] == 0, 120, "each has its number")
    in_sync(hub, rees)
    numbers = [_shown(rees, item["id"])["crime_ref"] for item in
               rees.ask("list", "crime", "--limit", "100")["records"]]
    expect(len(numbers) >= 4, "the crimes are there")
    equal(len(set(numbers)), len(numbers), "references that differ")
    equal(hub.ask("references")["shared"], [], "references that two records bear")
