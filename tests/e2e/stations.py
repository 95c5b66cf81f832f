"""A hub, its stations and their devices: what the tests of stations and of hubs share."""
from world import SCOPE, Station, equal, expect, wait_until

RECOVERY = 90  # after a long absence a redial waits; nothing here depends on how long it takes


def make(world, hub, name="north", scopes=SCOPE, address=None, upstream=None):
    """A station that `hub` enrolled, not yet running; its port."""
    station = Station(world.build, name, world.directory / name)
    world.nodes.append(station)
    station.join(hub, scopes, *(["--upstream", upstream] if upstream else []), address=address)
    return station, station.port


def new_device(world, hub, name, *ports, first=None):
    """A device that goes to the hub, then to the stations at these ports; or only to `first`."""
    node = world.make_device(name, hub, start=False, ports=ports)
    if first:
        (node.data / "holdfast.conf").write_text(f'hub = "localhost:{first}"\n', encoding="utf-8")
    node.start()
    return node


def linked(node, to, seconds=RECOVERY):
    """In sync with the hub that has this name."""
    def is_so():
        status = node.ask("status")
        return status["link"] == "in-sync" and status["connected_to"] == to
    wait_until(is_so, seconds, f"{node.name} is in sync with {to}")


def numbered(node):
    """It has numbers for crimes; else what it writes gets its number later, in an entry more."""
    def is_so():
        left = {item["series"]: item["left"] for item in node.ask("status")["references"]}
        return left.get("crime", 0) > 0
    wait_until(is_so, RECOVERY, f"{node.name} has numbers")


def where(node, record):
    return node.ask("get" if "edge" in node.program else "show", record)["saved"]


def has(node, record):
    return node.command("get" if "edge" in node.program else "show", record)[0] == 0


def counts(node):
    status = node.ask("status")
    return status["at_the_hub"], status["at_the_station"], status["waiting"]


def digests(node):
    """Of the scopes that all of them hold."""
    return {row["scope"]: row["digest"] for row in node.ask("verify")["digests"]}


def all_agree(nodes):
    found = [digests(node) for node in nodes]
    shared = set.intersection(*map(set, found)) - {0}
    expect(len(shared) >= 2, f"scopes that all hold: {shared}")
    return all(one[scope] == found[0][scope] for one in found for scope in shared)


def no_faults(nodes):
    for node in nodes:
        report = node.ask("verify")
        equal(report["faults"], 0, f"faults at {node.name}: {report['first_fault']}")


def nothing_is_missing(hub, records, everyone):
    for record in records:
        expect(has(hub, record), f"{record} is said to be at the hub, and is not")
    wait_until(lambda: all_agree(everyone), RECOVERY, "all hold the same")
    no_faults(everyone)
