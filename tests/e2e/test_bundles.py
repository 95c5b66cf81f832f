"""A device as a mule: a station has lost its line, a constable's device visits it and then another station;
what was written in the dark is at the centre, and the receipt comes back with him."""
import re
from pathlib import Path

from stations import RECOVERY, has, linked, make, no_faults, numbered, where
from test_receipts import GENUINE, _exported, _verify
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


def _written_in_the_dark(station, rees, khan):
    """Records that nobody but rees and the station have; khan's device has them sealed."""
    rees.stop()  # so that all of it comes to the station at once, and is sealed as one
    records = [rees.put("crime", f"summary=In the dark {i}") for i in range(5)]
    rees.start()
    wait_until(lambda: all(where(rees, record) == "station" for record in records), RECOVERY,
               "all of it is at the station")
    wait_until(lambda: _bundles(station)["sealed_here"] > 0, RECOVERY, "the station seals it")
    wait_until(lambda: "khan" in [row["device"] for row in _bundles(station)["carriers"]], RECOVERY,
               "the station knows that khan took it along")
    words = station.must("status")
    expect("sealed for the centre since" in words and re.search(r"khan has \d+ bundle", words),
           f"the station says what travels with whom: {words}")
    return records


def _cannot_read(khan, records):
    expect("of cut-off stations to the centre" in khan.must("status"), "the device says what it has")
    for record in records:
        expect(not has(khan, record), "the mule can read what it may not see")
    for path in khan.data.iterdir():
        expect(not path.is_file() or b"In the dark" not in path.read_bytes(),
               f"its words stand in {path.name} of the mule")


def _killed(*nodes):
    """Whatever they are in the middle of."""
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()


def what_a_cut_off_station_has_travels_whoever_is_killed_and_the_receipt_comes_back(world):
    hub = world.make_hub()
    station, port = make(world, hub, scopes=f"{SCOPE},{YARD}")
    other, other_port = make(world, hub, name="south", scopes=f"{SCOPE},{YARD}")
    station.start()
    other.start()
    rees = _device_at(world, hub, "rees", SCOPE, port)
    khan = _device_at(world, hub, "khan", YARD, port)
    linked(rees, "north")
    linked(khan, "north")
    numbered(rees)
    with silent_port() as dead:
        _lose_line(station, dead)
        linked(rees, "north")
        linked(khan, "north")
        records = _written_in_the_dark(station, rees, khan)
        _killed(station, khan)
        wait_until(lambda: _bundles(khan)["for_others"] > 0, RECOVERY, "khan has it along")
        _cannot_read(khan, records)
        expect(not has(hub, records[0]), "the centre cannot have it yet")

        _go_to(khan, other_port)
        _killed(khan, other, hub)
        for record in records:
            wait_until(lambda r=record: has(hub, r), RECOVERY, f"{record} is at the centre")
        wait_until(lambda: _bundles(khan)["answers"] > 0, RECOVERY, "khan has the answer")
        equal({where(rees, record) for record in records}, {"station"},
              "where it is, before anybody has told")

        khan.kill()
        _go_to(khan, port)
        _killed(station)
        for record in records:
            wait_until(lambda r=record: where(rees, r) == "hub", RECOVERY,
                       f"{record} is said to be at the hub")
            expect(has(hub, record), f"{record} is said to be at the hub, and is not")
        wait_until(lambda: _bundles(station)["sealed_here"] == 0, RECOVERY, "it is settled there")
        wait_until(lambda: _bundles(khan)["answers"] == 0, RECOVERY, "khan has nothing more to carry")
        def proof():
            code, out, err = _verify(world, _exported(world, rees, records[0]), rees.data / "ca.pem")
            equal(code, GENUINE, f"what the centre signed and khan brought, in the dark: {err}")
            return out
        # The centre's receipt comes a moment after the word that it has the record.
        wait_until(lambda: "The hub localhost held it durably" in proof(), RECOVERY,
                   "rees has the centre's receipt")
    no_faults([hub, station, other, rees, khan])
