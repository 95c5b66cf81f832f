"""Where devices go is the centre's word: its list of hubs reaches every device by whatever hub it is
connected to, moves it without a restart, and outlives the centre."""
import stations
from world import SCOPE, Hub, equal, expect, wait_until

RECOVERY = stations.RECOVERY


def _listed(node):
    return [hub["name"] for hub in node.ask("status")["hubs"]]


def a_list_of_hubs_reaches_every_device_and_moves_it_without_a_restart(world):
    hub = world.make_hub()
    north, north_port = stations.make(world, hub, "north")
    south, _ = stations.make(world, hub, "south")
    other, _ = stations.make(world, hub, "other", scopes="herts/response")
    for station in (north, south, other):
        station.start()
    rees = stations.new_device(world, hub, "rees")
    khan = stations.new_device(world, hub, "khan", first=north_port)  # it never meets the centre
    stations.linked(rees, "localhost")
    stations.linked(khan, "north")
    equal(_listed(rees), [], "there is no list yet")
    begun = rees.ask("status")["pid"]
    hub.must("hubs", "set", "other", "south", "north")
    for device in (rees, khan):
        wait_until(lambda d=device: _listed(d) == ["localhost", "south", "north"], RECOVERY,
                   f"{device.name} has the list, but for the station that does not serve it")
    stations.linked(khan, "localhost")  # the best of the list, which it was never told of before
    hub.kill()
    for device in (rees, khan):
        stations.linked(device, "south")
    wait_until(lambda: "it is a station, too" in north.log(), RECOVERY, "north looks for the centre")
    south.kill()
    for device in (rees, khan):
        stations.linked(device, "north")
    hub.start()
    for station in (north, other):  # each met the other meanwhile, and knows that it is no centre
        wait_until(lambda s=station: s.ask("status")["upstream"]["link"] == "in-sync", RECOVERY,
                   f"{station.name} is back at the centre")
    hub.must("hubs", "set", "north")
    for device in (rees, khan):
        wait_until(lambda d=device: _listed(d) == ["localhost", "north"], 600,
                   f"{device.name} has the newer list, once it or its station looks again")
    equal(rees.ask("status")["pid"], begun, "it is the same process")
    code, _, said = north.command("hubs", "set", "south")
    expect(code == 77 and "This is a station" in said, f"a station makes no list: {code} {said}")
    code, _, said = hub.command("hubs", "set", "rees")
    expect(code != 0 and "no station" in said, f"a device is no hub: {code} {said}")


def _scopes(hub, name):
    return next(one["scopes"] for one in hub.ask("devices")["devices"] if one["name"] == name)


def _promote(station, *words, **options):
    return station.command("promote", "--old-centre-is-gone", "--reason", "it burnt", *words,
                           **options)


def a_station_is_promoted_and_everyone_follows(world):
    hub = world.make_hub()
    north, _ = stations.make(world, hub, "north", scopes="*")
    south, _ = stations.make(world, hub, "south")
    for station in (north, south):
        station.start()
    hub.must("hubs", "set", "north", "south")
    rees = stations.new_device(world, hub, "rees")
    khan = stations.new_device(world, hub, "khan")
    for device in (rees, khan):
        stations.linked(device, "localhost")
        stations.numbered(device)
        wait_until(lambda d=device: _listed(d) == ["localhost", "north", "south"], RECOVERY,
                   f"{device.name} has the list")
    world.make_device("dee", hub=hub, scopes="beds/cid", start=False)  # a scope that is new
    wait_until(lambda: "beds/cid" in _scopes(hub, "north"), RECOVERY, "a station of every scope has it")
    early = rees.put("crime", "summary=Before")
    wait_until(lambda: stations.where(rees, early) == "hub" and stations.has(north, early) and
               stations.has(khan, early), RECOVERY, "all have the first")
    code, _, said = _promote(north, "--ca-key", str(hub.data / "ca-key.pem"))
    expect(code == 75 and "end it first" in said, f"while it serves: {code} {said}")
    north.stop()
    # What only the old centre and devices will have.
    late = [device.put("crime", f"summary=Late, {device.name}") for device in (rees, khan)]
    for device, record in zip((rees, khan), late):
        wait_until(lambda d=device, r=record: stations.where(d, r) == "hub", RECOVERY, "it is at the hub")
    wait_until(lambda: stations.has(khan, late[0]), RECOVERY, "the other has it too")
    code, _, said = _promote(north, "--ca-key", str(hub.data / "ca-key.pem"))
    expect(code == 77 and "still answers" in said, f"the centre lives: {code} {said}")
    khan.stop()  # it will find all of it done
    backup = hub.data.parent / "hub.backup"
    hub.must("backup", str(backup), feed="a recovery passphrase\n")
    hub.kill()
    south.stop()
    code, _, said = _promote(south, "--ca-key", str(hub.data / "ca-key.pem"))
    expect(code == 77 and "beds/cid" in said, f"it lacks a scope: {code} {said}")
    code, _, said = _promote(hub, "--ca-key", str(hub.data / "ca-key.pem"))
    expect(code == 77 and "centre already" in said, f"it is the centre: {code} {said}")
    code, _, said = _promote(north, "--ca-key", str(north.data / "key.pem"))
    expect(code == 77 and "no key of the authority" in said, f"another key: {code} {said}")
    code, _, said = _promote(north, "--backup", str(backup), feed="another passphrase\n")
    expect(code == 77 and "passphrase" in said, f"another passphrase: {code} {said}")
    south.start()
    stations.linked(rees, "south")
    dark = rees.put("crime", "summary=In the dark")
    wait_until(lambda: stations.where(rees, dark) == "station", RECOVERY, "it is at the station")

    code, _, said = _promote(north, "--backup", str(backup), feed="a recovery passphrase\n")
    expect(code == 0 and "is the centre now" in said, f"it is promoted: {code} {said}")
    north.start()
    expect(north.ask("status")["upstream"] is None, "it has nobody above it")
    wait_until(lambda: south.ask("status")["upstream"]["link"] == "in-sync", RECOVERY,
               "the other station follows")
    khan.start()
    for device in (khan, rees):  # rees is linked to the other station, and moves when it looks again
        stations.linked(device, "north", seconds=600)
        wait_until(lambda d=device: _listed(d)[0] == "north", RECOVERY, "it leads the list")
        expect(not device.ask("status")["is_station"], "it is no station")
    for record in (early, *late, dark):
        wait_until(lambda r=record: stations.has(north, r), RECOVERY, "what devices held came to it")
    wait_until(lambda: stations.where(rees, dark) == "hub", RECOVERY, "it is at the hub now")
    wait_until(lambda: stations.counts(rees) == (3, 0, 0), RECOVERY, "all of it is")
    after = khan.put("crime", "summary=After")
    wait_until(lambda: stations.where(khan, after) == "hub" and stations.has(rees, after), RECOVERY,
               "work goes on")
    abel = world.make_device("abel")
    abel.must("enrol", "--token-file", "-", feed=north.token("abel", SCOPE))
    abel.start()
    stations.linked(abel, "north")
    north.must("revoke", "khan", "--reason", "lost on patrol")
    wait_until(lambda: khan.ask("status")["link"] == "down", RECOVERY, "the new centre's word counts")
    everyone = (north, south, rees, abel)
    wait_until(lambda: stations.all_agree(everyone), RECOVERY, "all hold the same")
    stations.no_faults(everyone)


def _outages(hub):
    return [(outage["extent"], outage["reason"], outage["ended"] is None)
            for outage in hub.ask("outage", "list")["outages"] if outage["extent"] == "centre"]


def an_old_centre_that_comes_back_is_told_and_serves_nobody(world):
    hub = world.make_hub()
    north, _ = stations.make(world, hub, "north")
    north.start()
    rees = stations.new_device(world, hub, "rees")
    khan = stations.new_device(world, hub, "khan")
    for device in (rees, khan):
        stations.linked(device, "localhost")
    wait_until(lambda: north.ask("status")["upstream"]["link"] == "in-sync", RECOVERY, "in sync")
    khan.stop()  # it will not hear of the promotion before it meets the old centre
    hub.kill()
    wait_until(lambda: _outages(north) == [("centre", "lost", True)], RECOVERY,
               "the station knows that the centre is away")
    expect("the centre did not answer" in north.must("outage", "list"), "and says so")
    north.stop()
    code, _, said = _promote(north, "--ca-key", str(hub.data / "ca-key.pem"))
    equal(code, 0, said)
    north.start()
    equal(_outages(north), [("centre", "replaced", False)], "that ended when it was promoted")
    expect("the centre was lost" in north.must("outage", "list"), "and why")
    (rees.data / "holdfast.conf").write_text(
        f'hub = "localhost:{hub.ports()[0]}"\nstations = {{"localhost:{north.ports()[0]}"}}\n',
        encoding="utf-8")
    rees.stop()
    rees.start()
    stations.linked(rees, "north")
    hub.start()  # nobody need go there: rees looks at whom it was told of, and no list names
    rees.stop()
    rees.start()
    wait_until(lambda: hub.ask("hubs", "list")["retired"], RECOVERY, "the old centre learns of it")
    stations.linked(rees, "north")
    expect("centre no longer" in hub.must("status"), "and says so")
    code, _, said = hub.command("token", "--name", "x", "--force", "f", "--unit", "u", "--scopes",
                                SCOPE)
    expect(code == 77 and "centre no longer" in said, f"it decides nothing: {code} {said}")
    north.stop()  # now only the old centre answers
    record = rees.put("crime", "summary=For the new centre")
    khan.start()  # goes to the old centre, and is sent on by it
    wait_until(lambda: _listed(khan) == ["north"], RECOVERY, "the old centre shows it the list")
    hub.stop()
    hub.start()
    expect(hub.ask("hubs", "list")["retired"], "also after a restart")
    equal(stations.where(rees, record), "device", "nothing went to the old centre")
    north.start()
    for device in (rees, khan):
        stations.linked(device, "north")
    wait_until(lambda: stations.where(rees, record) == "hub", RECOVERY, "it is at the new one")
    expect(not stations.has(hub, record), "and nothing went to the old one")
