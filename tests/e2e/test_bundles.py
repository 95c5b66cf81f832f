"""A device as a mule: a station has lost its line, a constable's device visits it and then another station;
what was written in the dark is at the centre, and the receipt comes back with him."""
import re
from pathlib import Path

from test_station import RECOVERY, _linked, _station, _where
from world import SCOPE, equal, expect, silent_port, wait_until

YARD = "avon/yard"  # what the mule may see: nothing that is written at the station


def _lose_line(station, port):
    """Nobody answers where it dials from now on."""
    config = Path(station.data / "holdfast.conf")
    station.stop()
    config.write_text(re.sub(r"upstream = .*", f'upstream = "localhost:{port}"',
                             config.read_text(encoding="utf-8")), encoding="utf-8")
    station.start()


def _device_at(world, hub, name, scope, port):
    device = world.make_device(name)
    device.must("enrol", "--token-file", "-", feed=hub.token(name, scope))
    _go_to(device, port)
    return device


def _go_to(device, port):
    device.stop()
    (device.data / "holdfast.conf").write_text(f'hub = "localhost:{port}"\n', encoding="utf-8")
    device.start()


def _bundles(node):
    return node.ask("status")["bundles"]


def _has_record(hub, record):
    return hub.command("show", record)[0] == 0


def _world(world):
    """The centre; a station without a line, with one who writes there and one who will leave."""
    hub = world.make_hub()
    station, port = _station(world, hub, scopes=f"{SCOPE},{YARD}")
    station.start()
    rees = _device_at(world, hub, "rees", SCOPE, port)
    khan = _device_at(world, hub, "khan", YARD, port)
    _linked(rees, "north")
    _linked(khan, "north")
    return hub, station, port, rees, khan


def _written_in_the_dark(station, rees, khan):
    """Records that nobody but rees and the station have; khan's device has them sealed."""
    records = [rees.put("crime", f"summary=In the dark {i}") for i in range(5)]
    wait_until(lambda: all(_where(rees, record) == "station" for record in records), RECOVERY,
               "all of it is at the station")
    wait_until(lambda: _bundles(station)["sealed_here"] > 0, RECOVERY, "the station seals it")
    wait_until(lambda: "khan" in [row["device"] for row in _bundles(station)["carriers"]], RECOVERY,
               "the station knows that khan took it along")
    return records


def what_a_cut_off_station_has_travels_by_another_station_and_the_receipt_comes_back(world):
    hub, station, port, rees, khan = _world(world)
    other, other_port = _station(world, hub, name="south", scopes=f"{SCOPE},{YARD}")
    other.start()
    with silent_port() as dead:
        _lose_line(station, dead)
        _linked(rees, "north")
        _linked(khan, "north")
        records = _written_in_the_dark(station, rees, khan)
        wait_until(lambda: _bundles(khan)["for_others"] > 0, RECOVERY, "khan has it along")
        words = station.must("status")
        expect("sealed for the centre since" in words and "khan has 1 bundle" in words,
               f"the station says what travels with whom: {words}")
        expect("of cut-off stations to the centre" in khan.must("status"), "and so does the device")
        for record in records:
            expect(khan.command("get", record)[0] != 0, "the mule can read what it may not see")
        for path in khan.data.iterdir():
            expect(not path.is_file() or b"In the dark" not in path.read_bytes(),
                   f"its words stand in {path.name} of the mule")
        expect(not _has_record(hub, records[0]), "the centre cannot have it yet")

        _go_to(khan, other_port)
        for record in records:
            wait_until(lambda r=record: _has_record(hub, r), RECOVERY, f"{record} is at the centre")
        wait_until(lambda: _bundles(khan)["answers"] > 0, RECOVERY, "khan has the answer")
        equal({_where(rees, record) for record in records}, {"station"},
              "where it is, before anybody has told")

        khan.kill()
        _go_to(khan, port)
        for record in records:
            wait_until(lambda r=record: _where(rees, r) == "hub", RECOVERY,
                       f"{record} is said to be at the hub")
        wait_until(lambda: _bundles(station)["sealed_here"] == 0, RECOVERY, "it is settled there")
        wait_until(lambda: _bundles(khan)["answers"] == 0, RECOVERY, "khan has nothing more to carry")
        equal(station.ask("verify")["faults"], 0, "faults at the station")
    equal(hub.ask("verify")["faults"], 0, "faults at the centre")


def whoever_is_killed_while_it_travels_nothing_is_lost_or_claimed(world):
    hub, station, port, rees, khan = _world(world)
    with silent_port() as dead:
        _lose_line(station, dead)
        _linked(rees, "north")
        _linked(khan, "north")
        records = _written_in_the_dark(station, rees, khan)
        station.kill()
        khan.kill()
        station.start()
        khan.start()
        wait_until(lambda: _bundles(khan)["for_others"] > 0, RECOVERY, "khan has it along")
        hub_port = hub.ports()[0]
        _go_to(khan, hub_port)
        hub.kill()  # whatever it is in the middle of
        khan.kill()
        hub.start()
        khan.start()
        for record in records:
            wait_until(lambda r=record: _has_record(hub, r), RECOVERY, f"{record} is at the centre")
        wait_until(lambda: _bundles(khan)["answers"] > 0, RECOVERY, "khan has the answer")
        _go_to(khan, port)
        station.kill()
        station.start()
        for record in records:
            wait_until(lambda r=record: _where(rees, r) == "hub", RECOVERY,
                       f"{record} is said to be at the hub")
            expect(_has_record(hub, record), f"{record} is said to be at the hub, and is not")
    for node in (hub, station, khan, rees):
        equal(node.ask("verify")["faults"], 0, f"faults at {node.name}")
