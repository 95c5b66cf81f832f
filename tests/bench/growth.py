"""How cost grows: each thing at three sizes, the others as they are in the bench.

What grows with the size where it should not is found here, not by the bench, which has one size."""
import json
import time
from pathlib import Path

import links
import scale
import transfer
from figures import rounded, say
from stage import IN_SYNC, SCOPE, memory_kib

LIVE = 100
IDLE_S = 5


def print_row(what, size, row, as_json):
    if as_json:
        print(json.dumps({"grow": what, "size": size,
                          **{key: rounded(value) for key, value in row.items()}}), flush=True)
    else:
        facts = ", ".join(f"{rounded(value):,} {key}" for key, value in row.items())
        print(f"{size:>9,} {what:8} {facts}", flush=True)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def with_records(stage, count):
    with stage.round() as place:
        proxy, port = place.proxy(place.start_hub())
        up, _ = transfer.upload(place, proxy, port, count)
        down = transfer.bootstrap(place, proxy, port, count)
        hub = memory_kib(place.hub.process.pid) / 1024
        device = place.device("bose", port)
        begun = device.log_size()
        device.start()
        device.saw(IN_SYNC, begun)
        time.sleep(scale.SETTLE_S)
        held = memory_kib(device.process.pid) / 1024
        device.stop()
        disk = (place.folder("bose") / "store.db").stat().st_size / count
        again = place.tool("device", place.folder("bose"), port)
        size, took = links.in_sync(again, proxy)
    return {"records/s up": up, "records/s down": down, "MiB at the hub": hub,
            "MiB at a device": held, "B each on its disk": disk, "B to reconnect": size,
            "ms to reconnect": took}


def with_devices(stage, fleet, count):
    """All of them silent, in another scope than the two that write and read."""
    with stage.round(fleet) as place:
        devices = scale.Crowd(place)
        took = devices.connect(count, scale.PACE)
        each = devices.each_kib(count)
        before = cpu_seconds(place.hub.process.pid)
        time.sleep(IDLE_S)
        idle = (cpu_seconds(place.hub.process.pid) - before) / IDLE_S
        live = links.live_times(place, devices.port, LIVE)
    return {"ms to connect each": 1000 * took / count, "KiB each": each, "% of a core, idle": 100 * idle,
            "ms live p50": live[len(live) // 2], "ms live p99": live[len(live) * 99 // 100]}


def with_scopes(stage, count, records):
    names = ",".join([SCOPE, *(f"{SCOPE}-{i}" for i in range(1, count))])
    template = stage.make_template(f"scopes-{count}", names)
    with stage.round(template) as place:
        proxy, port = place.proxy(place.start_hub())
        up, size = transfer.upload(place, proxy, port, records)
        down = transfer.bootstrap(place, proxy, port, records)
        again = place.tool("device", place.folder("bose"), port)
        full, took = links.in_sync(again, proxy)
    return {"records/s up": up, "records/s down": down, "B each": size, "B to reconnect": full,
            "ms to reconnect": took}


def grow(stage, plan, as_json):
    for count in plan.count((10000, 40000, 160000), (500, 1000)):
        print_row("records", count, with_records(stage, count), as_json)
    sizes = plan.count((100, 1000, 10000), (20, 50))
    say(f"enrolling {sizes[-1]} devices")
    fleet = scale.make_fleet(stage, sizes[-1], "elsewhere")
    for count in sizes:
        print_row("devices", count, with_devices(stage, fleet, count), as_json)
    for count in plan.count((1, 10, 50), (1, 5)):
        print_row("scopes", count, with_scopes(stage, count, plan.count(20000, 1000)), as_json)
