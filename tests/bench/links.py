"""What a link costs: coming back with nothing to do, and one record from one device to another."""
import json
import time

from stage import Trouble

SETTLE_S = 0.3  # what the hub sends after "in sync" (heads) belongs to the reconnect too
PUTS = 500
SECONDS_MAX = 60


def line_of(tool, *words):
    """The next line that begins so; its last number."""
    while True:
        line = tool.line().split()
        if line[:len(words)] == list(words):
            return float(line[-1])


def in_sync(device, proxy):
    """(bytes both ways, milliseconds from the dial to "in sync") of the link that now comes."""
    began = line_of(device, "dial")
    ended = line_of(device, "state", "in-sync")
    time.sleep(SETTLE_S)
    seen = proxy.ask("read")
    return seen["up"] + seen["down"], 1000 * (ended - began)


def bare_handshake(place):
    """The same of mutual TLS alone, through the same proxy."""
    server = place.tool("tls", "serve", place.hub.data)
    proxy, port = place.proxy(int(server.line()))
    client = place.tool("tls", "dial", place.folder("ames"), port, 1, 1)
    took = json.loads(client.line())["ms"]
    time.sleep(SETTLE_S)
    seen = proxy.ask("read")
    return seen["up"] + seen["down"], took


def reconnect(stage, plan, add):
    """A device that is in sync starts, and after that its link is lost once in each round."""
    with stage.round() as place:
        proxy, port = place.proxy(place.start_hub())
        device = place.tool("device", place.folder("ames"), port)
        in_sync(device, proxy)
        device.close()  # the first link after the template's learns what the hub signed since
        for _ in plan.rounds:
            device = place.tool("device", place.folder("ames"), port)
            cold_bytes, cold_ms = in_sync(device, proxy)
            device.tell("cut")
            warm_bytes, warm_ms = in_sync(device, proxy)
            device.close()
            limit_bytes, limit_ms = bare_handshake(place)
            add("reconnect_bytes", warm_bytes, limit_bytes)
            add("reconnect_ms", warm_ms, limit_ms)
            add("reconnect_full_bytes", cold_bytes, limit_bytes)
            add("reconnect_full_ms", cold_ms, limit_ms)


def live_times(place, port, count):
    """Milliseconds from a put at one device until it is durable at the other, `count` times."""
    took = []
    writer = place.tool("device", place.folder("ames"), port)
    reader = place.tool("device", place.folder("bose"), port)
    line_of(writer, "state", "in-sync")
    line_of(reader, "state", "in-sync")
    until = time.monotonic() + SECONDS_MAX
    while len(took) < count and time.monotonic() < until:
        writer.tell("put")
        while True:
            word, *numbers = writer.line().split()
            if word == "saved":
                break
        took.append(1000 * (line_of(reader, "held") - float(numbers[0])))
    if len(took) < min(count, 20):
        raise Trouble(f"only {len(took)} records came through in {SECONDS_MAX} s")
    return sorted(took)


def live(stage, plan, add):
    count = plan.count(PUTS, 20)
    for _ in plan.rounds:
        with stage.round() as place:
            took = live_times(place, place.start_hub(), count)
        limit = stage.limit("commits", 2 * count)
        add("live_p50", took[len(took) // 2], limit["p50"])
        add("live_p99", took[len(took) * 99 // 100], limit["p99"])
