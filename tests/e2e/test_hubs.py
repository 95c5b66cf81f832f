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
    south.kill()
    for device in (rees, khan):
        stations.linked(device, "north")
    hub.start()
    hub.must("hubs", "set", "north")
    for device in (rees, khan):
        wait_until(lambda d=device: _listed(d) == ["localhost", "north"], RECOVERY,
                   f"{device.name} has the newer list")
    equal(rees.ask("status")["pid"], begun, "it is the same process")
    code, _, said = north.command("hubs", "set", "south")
    expect(code == 77 and "This is a station" in said, f"a station makes no list: {code} {said}")
    code, _, said = hub.command("hubs", "set", "rees")
    expect(code != 0 and "no station" in said, f"a device is no hub: {code} {said}")
