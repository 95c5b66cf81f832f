"""A station between its devices and the centre: the centre is lost and the devices carry on; what they
are told is true at each moment; all of it arrives, whoever was killed meanwhile."""
import re
from pathlib import Path

from stations import (RECOVERY, all_agree, counts, has, linked, make, new_device,
                      nothing_is_missing, numbered, where)
from world import SCOPE, Hub, equal, expect, free_port, refused, wait_until

def the_centre_is_lost_and_the_devices_carry_on_at_the_station(world):
    hub = world.make_hub()
    station, port = make(world, hub)
    station.start()
    rees, khan = (new_device(world, hub, name, first=port) for name in ("rees", "khan"))
    for device in (rees, khan):
        linked(device, "north")
        numbered(device)
    before = rees.put("crime", "summary=While all is well")
    wait_until(lambda: where(rees, before) == "hub", RECOVERY, "its receipt says at the hub")
    expect(has(hub, before), "a receipt said \"at the hub\" of what the hub does not have")

    hub.kill()
    wait_until(lambda: station.ask("status")["upstream"]["link"] == "down", RECOVERY,
               "the station knows that it is cut off")
    dark = [device.put("crime", f"summary=In the dark, {device.name} {i}")
            for i in range(20) for device in (rees, khan)]
    wait_until(lambda: counts(rees) == (1, 20, 0), RECOVERY, "all of it is at the station")
    wait_until(lambda: all(has(khan, record) for record in dark), RECOVERY, "each sees the other's")
    for record in dark:
        equal(where(rees, record), "station", "where a change is that the hub cannot have")
    equal(rees.ask("get", dark[0]).get("station"), "north", "which station")
    equal(station.ask("status")["upstream"]["waiting"], 40, "what waits at the station")
    expect(not re.search(r" at-hub .*/3/(?!1\b)\d", rees.log()), "a receipt came from nowhere")

    station.kill()  # and now the station, too
    alone = rees.put("crime", "summary=Quite alone")
    equal(where(rees, alone), "device", "where a change is that nobody else can have")
    station.start()
    wait_until(lambda: where(rees, alone) == "station", RECOVERY, "it goes to the station at last")

    hub.start()
    for device, written in ((rees, 22), (khan, 20)):
        wait_until(lambda d=device, n=written: counts(d) == (n, 0, 0), RECOVERY,
                   f"all that {device.name} wrote is at the hub")
    nothing_is_missing(hub, (*dark, alone), (hub, station, rees, khan))


def a_device_falls_back_to_its_station_and_comes_back(world):
    hub = world.make_hub()
    station, port = make(world, hub)
    station.start()
    rees = new_device(world, hub, "rees", port)
    linked(rees, "localhost")
    first = rees.put("crime", "summary=At the centre")
    wait_until(lambda: where(rees, first) == "hub", RECOVERY, "the first is at the hub")
    hub.kill()
    linked(rees, "north")
    second = rees.put("crime", "summary=At the station")
    wait_until(lambda: where(rees, second) == "station", RECOVERY, "the second is at the station")
    hub.start()
    wait_until(lambda: where(rees, second) == "hub", RECOVERY, "it went up meanwhile")
    linked(rees, "localhost", seconds=300)
    third = rees.put("crime", "summary=At the centre again")
    wait_until(lambda: where(rees, third) == "hub", RECOVERY, "the third is at the hub")
    wait_until(lambda: all_agree((hub, station, rees)), RECOVERY, "all hold the same")
    expect("the link was lost" not in rees.log().split(" place=1")[-1],
           "a better hub is dialled beside the link that there is")


def the_station_is_killed_at_any_moment_and_nothing_is_lost(world):
    hub = world.make_hub()
    station, port = make(world, hub)
    station.start()
    rees, khan = (new_device(world, hub, name, first=port) for name in ("rees", "khan"))
    for device in (rees, khan):
        linked(device, "north")
        numbered(device)
    records = []
    for number in range(12):
        records += [device.put("crime", f"summary=Round {number} of {device.name}")
                    for device in (rees, khan)]
        if number % 3 == 2:  # whatever it is in the middle of
            station.kill()
            station.start()
        if number == 6:
            hub.kill()
        if number == 9:
            hub.start()
    for device in (rees, khan):
        wait_until(lambda d=device: counts(d) == (12, 0, 0), 2 * RECOVERY,
                   f"all that {device.name} wrote is at the hub")
    nothing_is_missing(hub, records, (hub, station, rees, khan))


def a_revoked_device_is_shut_out_at_the_station_also_in_the_dark(world):
    hub = world.make_hub()
    station, port = make(world, hub)
    station.start()
    rees, khan = (new_device(world, hub, name, first=port) for name in ("rees", "khan"))
    linked(rees, "north")
    linked(khan, "north")
    hub.must("revoke", "rees", "--reason", "lost on patrol")
    wait_until(lambda: rees.ask("status")["link"] == "down", RECOVERY, "its session at the station ends")
    hub.kill()
    station.stop()
    station.start()
    begun = rees.log_size()
    linked(khan, "north")  # whom it knows it lets in
    rees.stop()
    rees.start()
    rees.saw(r"dial-failed .*does not admit this key", begun, RECOVERY)


def a_station_that_does_not_trust_the_centre_serves_on_and_says_so(world):
    hub, other = world.make_hub(), world.make_hub("other")
    station, port = make(world, hub)
    station.start()
    rees = new_device(world, hub, "rees", first=port)
    linked(rees, "north")
    station.stop()
    config = Path(station.data / "holdfast.conf")
    wrong = re.sub(r'upstream = .*', f'upstream = "localhost:{other.ports()[0]}"',
                   config.read_text(encoding="utf-8"))
    config.write_text(wrong, encoding="utf-8")
    station.start()
    linked(rees, "north")
    record = rees.put("crime", "summary=It serves on")
    wait_until(lambda: where(rees, record) == "station", RECOVERY, "it is at the station")

    def says_so():
        upstream = station.ask("status")["upstream"]
        return upstream["link"] == "down" and "certificate" in upstream["problem"]
    wait_until(says_so, RECOVERY, "the station says what is wrong with the centre's certificate")
    expect("certificate" in station.must("status"), "and for people")
    equal(where(rees, record), "station", "what another's hub has is not at the hub")


def who_may_connect_is_the_centres_word(world):
    hub = world.make_hub()
    device_token = hub.token("rees", SCOPE)
    station_token = hub.token("north", SCOPE, "--station", "--address", "localhost:7999")
    stray = Hub(world.build, world.directory / "stray")
    refused(stray, "init", "--station", "--token-file", "-", feed=device_token, code=65,
            says="a station needs one of")
    rees = world.make_device("rees")
    refused(rees, "enrol", "--token-file", "-", feed=station_token, code=65, says="was not spent")
    rees.must("enrol", "--token-file", "-", feed=device_token)  # neither was spent
    station = Hub(world.build, world.directory / "north")
    world.nodes.append(station)
    port = free_port()
    station.must("init", "--station", "--token-file", "-", "--listen", f"127.0.0.1:{port}",
                 feed=station_token)
    for words in (("token", "--name", "x", "--force", "f", "--unit", "u", "--scopes", SCOPE),
                  ("revoke", "rees", "--reason", "because")):
        refused(station, *words, code=77, says="at the centre")
    refused(hub, "token", "--name", "y", "--force", "f", "--unit", "u", "--scopes", SCOPE,
            "--station", code=2, says="--address HOST:PORT")
