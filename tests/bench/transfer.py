"""Writes at a device, the upload of them, and the first download by another."""
import time

from stage import IN_SYNC, STEP_SECONDS, Trouble, log_seconds, memory_kib, wait_until

CRIME_LANE = 3  # of gen.h's records
PER_COMMIT = 1000


def expect_records(node, count):
    held = node.ask("status")["records"]
    if held != count:
        raise Trouble(f"{node.name} holds {held} records where {count} were written")


def one_write(stage, count, per_commit):
    """Records per second."""
    with stage.round() as place:
        return count / stage.run("write", place.folder("ames"), count, per_commit)["seconds"]


def local_write(stage, plan, add):
    count = plan.count(4000, 100)  # past the first time round of both journals
    for _ in plan.rounds:
        add("local_write", one_write(stage, count, 1),
            stage.limit("blobs", count, 1, 0)["rate"])


def local_write_batched(stage, plan, add):
    count = plan.count(20000, 1000)
    for _ in plan.rounds:
        add("local_write_batched", one_write(stage, count, PER_COMMIT),
            stage.limit("blobs", count, PER_COMMIT, 1)["rate"])


def upload(place, proxy, port, count):
    """(records per second, bytes both ways per record): from TCP's connect to the last ack."""
    place.stage.run("write", place.folder("ames"), count, PER_COMMIT)
    device = place.device("ames", port)
    device.launch()
    ack = device.saw(rf"^.* at-hub up-to=[0-9a-f]{{32}}/{CRIME_LANE}/{count}$", 0, STEP_SECONDS)
    seen = proxy.ask("read")
    expect_records(place.hub, count)
    device.stop()
    return count / (log_seconds(ack[0]) - seen["wall"]), (seen["up"] + seen["down"]) / count


def bootstrap(place, proxy, port, count, name="bose"):
    """Records per second: from TCP's connect to the last commit at a device that held nothing."""
    device = place.device(name, port)
    device.launch()
    last = device.saw("^.*" + IN_SYNC, 0, STEP_SECONDS)
    seen = proxy.ask("read")
    expect_records(device, count)
    device.stop()
    return count / (log_seconds(last[0]) - seen["wall"])


def transfer_round(stage, count, add):
    """Upload and bootstrap, one after the other on the same hub; then what SQLite does alone."""
    with stage.round() as place:
        proxy, port = place.proxy(place.start_hub())
        up, size = upload(place, proxy, port, count)
        add("hub_memory", memory_kib(place.hub.process.pid, "VmHWM") / 1024)
        time.sleep(0.2)  # the hub's checkpoint is not the next one's cost
        down = bootstrap(place, proxy, port, count)
    add("upload", up, stage.limit("rows", count, PER_COMMIT)["rate"])
    add("bootstrap", down, stage.limit("rows", count, count)["rate"])
    add("bytes_per_record", size)


def transfers(stage, plan, add):
    for _ in plan.rounds:
        transfer_round(stage, plan.count(20000, 1000), add)


def snapshots(stage, plan, add):
    """Seconds from TCP's connect to in sync with 100,000 records, at a device that held nothing, once
    the hub has the snapshot; the same for the first one, for which it is made; bytes per record."""
    count = plan.count(100000, 6000)
    for _ in plan.rounds:
        with stage.round() as place:
            proxy, port = place.proxy(place.start_hub())
            upload(place, proxy, port, count)
            time.sleep(0.2)  # the hub's checkpoint is not the next one's cost
            add("snapshot_made_100k_s", count / bootstrap(place, proxy, port, count, "bose"))
            add("snapshot_100k_s", count / bootstrap(place, proxy, port, count, "cole"))
            add("snapshot_record_bytes", proxy.ask("read")["down"] / count)


def edge_memory(stage, plan, add):
    """A device's daemon that holds many records, all of them at the hub, and has nothing to do."""
    count = plan.count(100000, 2000)
    with stage.round() as place:
        port = place.start_hub()
        stage.run("write", place.folder("ames"), count, PER_COMMIT)
        device = place.device("ames", port)
        device.start()
        device.saw(rf" at-hub up-to=[0-9a-f]{{32}}/{CRIME_LANE}/{count}$", 0, STEP_SECONDS)
        device.saw(IN_SYNC, 0)
        time.sleep(plan.count(2, 0.2))
        add("edge_memory", memory_kib(device.process.pid) / 1024)


def lose_hub(place):
    """A hub whose store is gone, put back from a backup that was taken when it was empty."""
    for end in ("", "-wal", "-shm"):
        (place.hub.data / f"store.db{end}").unlink(missing_ok=True)
    place.hub.must("restore", place.directory / "hub.backup", "--passphrase-file",
                   place.directory / "passphrase")


def refill(stage, plan, add):
    """Seconds from a restored hub's start until it has all again that two devices had brought."""
    count = plan.count(50000, 1000)
    with stage.round() as place:
        port = place.start_hub()
        (place.directory / "passphrase").write_text("a passphrase for one bench\n", encoding="utf-8")
        place.hub.must("backup", place.directory / "hub.backup", "--passphrase-file",
                       place.directory / "passphrase")
        devices = []
        for name in ("ames", "bose"):
            devices.append(place.device(name, port))
            devices[-1].start()
            devices[-1].saw(IN_SYNC, 0)  # only now does it know what it may write
            devices[-1].stop()
            stage.run("write", place.folder(name), count, PER_COMMIT)
        for device in devices:
            device.start()
        for device in devices:
            device.saw(rf" at-hub up-to=[0-9a-f]{{32}}/{CRIME_LANE}/{count}$", 0, STEP_SECONDS)
        wait_until(lambda: all(device.ask("status")["records"] == 2 * count for device in devices),
                   STEP_SECONDS, "both hold all")
        place.hub.kill()
        lose_hub(place)
        begun = time.monotonic()
        place.hub.start()
        wait_until(lambda: place.hub.ask("status")["records"] == 2 * count, STEP_SECONDS,
                   "the hub has all again", pause=0.05)
        add("refill_100k_s", time.monotonic() - begun)
        for device in devices:
            device.stop()
