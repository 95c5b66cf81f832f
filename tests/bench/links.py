"""What a link costs: coming back with nothing to do, one record from one device to another, and what
is urgent behind a link that is thin and full."""
import json
import random
import time

from stage import IN_SYNC, SCOPE, Trouble

SETTLE_S = 0.3  # what the hub sends after "in sync" (heads) belongs to the reconnect too
PUTS = 500
SECONDS_MAX = 60
MOVED = 300  # as bench_logs.c has it
THIN = (5000, 500)  # 40 kbit/s, a round trip of a second
URGENTS = 60
URGENT_EVERY_S = 1.0
THIN_FULL_S = 15  # from "in sync" no longer: the link is full, and its rate has shown
BULK_PER_S = 150  # records of the bench, of which a thin link takes some 70 each second


def line_of(tool, *words):
    """The next line that begins so; its last number."""
    while True:
        line = tool.line().split()
        if line[:len(words)] == list(words):
            return float(line[-1])


def line_of_first(tool, word):
    """The next line that begins so; its first number."""
    while True:
        line = tool.line().split()
        if line[0] == word:
            return float(line[1])


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


def visit(place):
    """in_sync() of a device that comes to a hub which has just started, and leaves."""
    proxy, port = place.proxy(place.start_hub())
    device = place.tool("device", place.folder("ames"), port)
    seen = in_sync(device, proxy)
    device.close()
    place.hub.stop()
    return seen


def roam(stage, plan, add):
    """A device comes to a hub that it knows. Of the many logs that it holds 300 advanced meanwhile, at
    this hub and where the device was: what naming them costs above a visit with nothing new, and how
    long the whole of it takes; the limit is that other visit's time."""
    logs = plan.count(5000, 1000)
    with stage.round() as place:
        folders = [place.hub.data, place.folder("ames"), place.directory / "authors"]
        stage.run("mint", folders[0], MOVED, SCOPE, folders[2])
        stage.run("logs", *folders, logs, 0)
        visit(place)  # it hears of what the hub has said since, and is level
        for number in plan.rounds:
            still = visit(place)
            stage.run("logs", *folders, logs, number + 1)
            moved = visit(place)
            add("roam_bytes", moved[0] - still[0])
            add("roam_ms", moved[1], still[1])


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


def urgent_times(place, port, count):
    """Seconds from a custody record's writing behind a thin link until it is durable at the hub, as one
    who is near sees it. The link is full both ways: a day's crimes wait at either end of it."""
    bulk = int((THIN_FULL_S + 1.5 * count * URGENT_EVERY_S) * BULK_PER_S)
    place.stage.run("write", place.folder("ames"), bulk, 1000)
    reader = place.tool("device", place.folder("cole"), port)
    line_of(reader, "state", "in-sync")
    reader.tell("watch")
    bose = place.device("bose", port)
    bose.start()
    bose.saw(IN_SYNC, 0)
    bose.stop()
    place.stage.run("write", place.folder("bose"), bulk, 1000)
    bose = place.tool("device", place.folder("bose"), port)
    line_of(bose, "state", "in-sync")
    proxy, thin = place.proxy(port, *THIN)
    writer = place.tool("device", place.folder("ames"), thin)
    line_of(writer, "state", "catching-up")
    time.sleep(THIN_FULL_S if count > 5 else 2)
    before, began = proxy.ask("read"), time.monotonic()
    chance, written = random.Random(4411), []
    for _ in range(count):
        writer.tell("urgent")
        written.append(line_of_first(writer, "saved"))
        time.sleep(chance.uniform(0.5, 1.5) * URGENT_EVERY_S)
    after, lasted = proxy.ask("read"), time.monotonic() - began
    took = []
    for seq, saved in enumerate(written, 1):
        while True:
            words = reader.line().split()
            if words[0] == "risk":
                break
        if int(words[1]) != seq:
            raise Trouble(f"urgent entry {words[1]} came where {seq} was due")
        took.append(float(words[2]) - saved)
    full = [(after[way] - before[way]) / lasted / THIN[0] for way in ("up", "down")]
    if count > 5 and min(full) < 0.5:
        raise Trouble(f"the link was not full: {full[0]:.2f} of it up, {full[1]:.2f} down")
    return sorted(took)


def urgent(stage, plan, add):
    """Once: it takes as long as its link."""
    count = plan.count(URGENTS, 3)
    with stage.round() as place:
        took = urgent_times(place, place.start_hub(), count)
    add("urgent_p99_slow_link_s", took[len(took) * 99 // 100])
