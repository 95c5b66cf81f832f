"""In the dark, at a station: numbers go on, and what an officer is told of each record is true and proved."""
import shutil

from stations import RECOVERY, linked, make, new_device, where
from test_receipts import GENUINE, _exported, _verify
from test_references import BLOCK, _left, _put, _shown, _small_blocks
from world import equal, expect, wait_until


def _leased(node, device, series="crime"):
    """How many blocks the centre leased to the device, as the node knows it."""
    listed = next(item for item in node.ask("references", "--limit", "1000")["series"]
                  if item["series"] == series)
    return sum(block["device"] == device.name for block in listed["blocks"])


def _entry(device, record):
    return device.ask("receipt", record)["entries"][0]


def _signed_by(device, record, name):
    wait_until(lambda: _entry(device, record)["by"] == name, RECOVERY, f"{name} signed for {record}")
    return _entry(device, record)


def _tells_where(station, device):
    """One line each: the station that it is cut off, and the device that its work is at a station."""
    wait_until(lambda: device.ask("status")["waiting"] == 0, RECOVERY, "all of it is at the station")
    status = device.ask("status")
    words, held = status["contact"]["words"], status["at_the_station"]
    expect(words.startswith('In touch with the station "north"'), words)
    expect(f"{status['at_the_hub']} of {status['written_here']} are at the hub, {held} at the "
           "station." in words and held > 0, words)
    wait_until(lambda: station.ask("status")["contact"]["cut_off"], RECOVERY, "it is cut off")
    words = station.ask("status")["contact"]["words"]
    expect(words.startswith("Cut off from the centre since 20"), words)
    expect("213503" not in words and "since not yet" not in words, words)


def numbers_and_receipts_go_on_at_a_station_in_the_dark(world):
    hub = world.make_hub()
    _small_blocks(world, hub)
    station, port = make(world, hub)
    station.start()
    rees, khan = (new_device(world, hub, name, first=port) for name in ("rees", "khan"))
    for device in (rees, khan):
        linked(device, "north")
        wait_until(lambda d=device: _left(d) == BLOCK and _leased(station, d) == 2, RECOVERY,
                   "it has a block, and another is in stock")

    hub.kill()
    wait_until(lambda: station.ask("status")["upstream"]["link"] == "down", RECOVERY,
               "the station knows that it is cut off")
    given = []
    for device in (rees, khan):
        half = [_put(device, f"In the dark {number}") for number in range(BLOCK // 2)]
        wait_until(lambda d=device: _left(d) == BLOCK + BLOCK // 2, RECOVERY, "the stock is handed over")
        rest = [_put(device, "In the dark, on") for _ in range(BLOCK + BLOCK // 2)]
        given += half + rest
        _tells_where(station, device)
        station.kill()  # what is in stock for the next it does not forget
        station.start()
        linked(device, "north")
        _tells_where(station, device)
    expect(not any(provisional for _, _, provisional in given), "a provisional one, with the stock there")
    equal(len({reference for _, reference, _ in given}), 4 * BLOCK, "references that differ")
    dry, _, provisional = _put(rees, "Quite dry")
    expect(provisional, "what has run dry gives a provisional one")

    first = given[0][0]
    entry = _signed_by(rees, first, "north")
    equal((entry["saved"], entry["station"], entry["since"] == entry["station_since"]),
          ("station", "north", True), "where it is, in the dark")
    out = rees.must("receipt", first)
    expect("At the station north since" in out and "At the hub" not in out, f"receipt: {out}")
    expect("Saved on this device since" in out, f"receipt: {out}")
    code, out, err = _verify(world, _exported(world, rees, first), rees.data / "ca.pem")
    equal(code, GENUINE, f"what the station signed: {err}")
    expect("The station north held it durably" in out, f"verify-receipt: {out}")

    hub.start()
    name = "localhost"  # as its certificate names it
    entry = _signed_by(rees, first, name)
    equal((entry["saved"], entry["station"]), ("hub", "north"), "where it is, with the centre back")
    expect(entry["station_since"] < entry["since"], "it was at the station before")
    out = rees.must("receipt", first)
    expect("At the hub since" in out and "At the station north since" in out, f"receipt: {out}")
    code, out, err = _verify(world, _exported(world, rees, first, "hub.receipt"), rees.data / "ca.pem")
    equal(code, GENUINE, f"what the centre signed, and a station passed on: {err}")
    expect(f"The hub {name} held it durably" in out, f"verify-receipt: {out}")
    wait_until(lambda: "crime_ref" in _shown(rees, dry), RECOVERY, "its number has followed")
    wait_until(lambda: where(rees, dry) == "hub", RECOVERY, "all of it is at the hub")
    wait_until(lambda: hub.ask("references")["provisional_count"] == 0, RECOVERY, "nobody waits")
    equal(hub.ask("references")["shared"], [], "references that two records bear")
    for node in (hub, station, rees, khan):
        equal(node.ask("verify")["faults"], 0, f"faults at {node.name}")


def what_a_station_lost_falls_back_and_says_so(world):
    hub = world.make_hub()
    station, port = make(world, hub)
    station.start()
    rees = new_device(world, hub, "rees", first=port)
    linked(rees, "north")
    wait_until(lambda: _left(rees), RECOVERY, "it has numbers")
    hub.kill()
    before = rees.put("crime", "summary=Before the backup")
    _signed_by(rees, before, "north")
    station.stop()
    backup = world.directory / "backup"
    shutil.copytree(station.data, backup)
    station.start()
    linked(rees, "north")
    after = rees.put("crime", "summary=After it")
    _signed_by(rees, after, "north")
    station.kill()
    shutil.rmtree(station.data)
    shutil.copytree(backup, station.data)
    station.start()
    wait_until(lambda: _entry(rees, after)["undone"], RECOVERY, "it hears that the station lost it")
    expect("was found without it" in rees.must("receipt", after), "and says so")
    entry = _signed_by(rees, after, "north")  # which has it again, from its author
    expect(entry["since"] > entry["undone"]["said"], "since when it is there again")
    equal(_entry(rees, before)["undone"], None, "what was not lost is not said to be")
