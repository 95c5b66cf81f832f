"""The hub is lost: a backup puts it back, and its devices bring the rest."""
import shutil
import threading

from world import expect, equal, in_sync, is_in_sync, refused, wait_until, SECONDS, Trouble

PASSPHRASE = "correct horse battery staple"


def _passphrase(world, text=PASSPHRASE):
    path = world.directory / "passphrase.txt"
    path.write_text(text + "\n", encoding="utf-8")
    return str(path)


def _backup(world, hub, name="hub.backup"):
    path = str(world.directory / name)
    return path, hub.ask("backup", path, "--passphrase-file", _passphrase(world))


def _digests(node):
    return {scope["scope"]: scope["digest"] for scope in node.ask("verify")["digests"]}


def _expect_equal(hub, *devices):
    """Each device's scopes have the hub's digests; nobody finds fault with itself."""
    for device in devices:
        found, wanted = _digests(device), _digests(hub)
        for scope, digest in found.items():
            equal(digest, wanted.get(scope), f"{device.name}: the digest of scope {scope}")
    for node in (hub, *devices):
        equal(node.ask("verify")["faults"], 0, "faults")


def _lose_store(hub):
    """What is beside the store stays: the disk's directory outlived its largest file."""
    hub.kill()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (hub.data / name).unlink(missing_ok=True)


def _restore(world, hub, path):
    return hub.ask("restore", path, "--passphrase-file", _passphrase(world))


class _Writers:
    """Each device writes one note after the other, until told to stop."""

    def __init__(self, devices):
        self.stop, self.written, self.failed = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.write, args=(device,), daemon=True)
                        for device in devices]
        for thread in self.threads:
            thread.start()

    def write(self, device):
        while not self.stop.is_set():
            try:
                device.put("note", f"subject=Note {self.written} of {device.name}")
                self.written += 1
            except Trouble as trouble:
                self.failed.append(trouble)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        equal(self.failed, [], "writes that failed")


def what_a_hub_had_after_its_backup_comes_back_from_its_devices(world):
    hub, rees, khan = world.pair("rees", "khan")
    writers = _Writers((rees, khan))
    wait_until(lambda: writers.written >= 10, SECONDS, "some notes are written")
    before = writers.written
    path, made = _backup(world, hub)
    wait_until(lambda: writers.written >= before + 10, SECONDS, "writing goes on")
    writers.end()
    late = rees.put("note", "subject=After the backup")
    in_sync(hub, rees, khan)
    expect(hub.ask("status")["position"] > made["position"], "the hub went on after its backup")
    old = hub.ask("status")
    khan.kill()
    _lose_store(hub)
    restored = _restore(world, hub, path)
    expect(not restored["uploads_only"], "what it had decided stood beside the store")
    hub.start()
    in_sync(hub, rees)  # alone: it is told how much the hub has lost, and sends it again
    expect("has lost" in rees.ask("status")["last_error"], "the officer is told that receipts fell")
    khan.start()
    in_sync(hub, rees, khan)
    equal(hub.ask("show", late)["id"], late, "the record that came back")
    new = hub.ask("status")
    equal(new["records"], old["records"], "records at the hub")
    expect(new["epoch"] != old["epoch"] and new["origin"] != old["origin"], "a new life")
    equal(hub.ask("refill")["missing_count"], 0, "entries that nobody brought")
    _expect_equal(hub, rees, khan)


def what_a_device_wrote_that_never_comes_back_is_brought_by_others(world):
    hub, rees, khan = world.pair("rees", "khan")
    path, _ = _backup(world, hub)
    for number in range(20):
        rees.put("note", f"subject=Number {number}")
    late = rees.put("note", "subject=Its last")
    in_sync(hub, rees, khan)
    wait_until(lambda: khan.ask("verify")["heads_unproved"] == 0, SECONDS, "khan has the last head")
    rees.kill()
    _lose_store(hub)
    _restore(world, hub, path)
    hub.start()
    wait_until(lambda: hub.command("show", late)[0] == 0, SECONDS, "khan brings it")
    wait_until(lambda: is_in_sync(hub, (khan,)), SECONDS, "khan is in sync")
    _expect_equal(hub, khan)


def a_hub_restored_elsewhere_hands_out_nothing_until_it_is_told_and_knows_whom_it_revoked(world):
    hub, rees, khan = world.pair("rees", "khan")
    path, _ = _backup(world, hub)
    hub.ask("revoke", "khan", "--reason", "lost on patrol", "--actor", "Sgt")
    wait_until(lambda: rees.ask("status")["link"] == "in-sync", SECONDS, "rees is in sync")
    note = rees.put("note", "subject=Before the loss")
    wait_until(lambda: is_in_sync(hub, (rees,)), SECONDS, "rees is in sync")
    hub.kill()
    shutil.rmtree(hub.data)
    expect(_restore(world, hub, path)["uploads_only"], "nothing stood beside the store")
    hub.start()
    wait_until(lambda: rees.ask("status")["waiting"] == 0, SECONDS, "rees sends it again")
    wait_until(lambda: hub.command("show", note)[0] == 0, SECONDS, "the hub has it")
    expect(hub.ask("status")["uploads_only"], "it still hands nothing out")
    rows = {row["name"]: row for row in hub.ask("devices")["devices"]}
    wait_until(lambda: {row["name"]: row for row in hub.ask("devices")["devices"]}
               ["khan"]["revoked"], SECONDS, "rees tells whom it had revoked")
    expect(not rows["rees"]["revoked"], "and nobody else")
    refused(hub, "accept-control-loss", code=65, says="needs who decides and why")
    hub.must("accept-control-loss", "--actor", "Sgt", "--reason", "all else is as it was")
    in_sync(hub, rees)
    expect(not hub.ask("status")["uploads_only"], "it serves again")
    refused(hub, "accept-control-loss", "--actor", "Sgt", "--reason", "again", code=65,
            says="nothing to accept")
    _expect_equal(hub, rees)


def a_restore_replaces_nothing_and_says_why_in_one_sentence(world):
    hub, rees = world.pair("rees")
    path, _ = _backup(world, hub)
    words = ("restore", path, "--passphrase-file", _passphrase(world))
    refused(hub, *words, code=75, says="is using")
    rees.put("note", "subject=After the backup")
    in_sync(hub, rees)
    hub.kill()
    before = (hub.data / "store.db").read_bytes()
    refused(hub, *words, code=73, says="is older than what stands here")
    equal((hub.data / "store.db").read_bytes(), before, "the store that stands")
    _lose_store(hub)
    bad = world.directory / "bad.backup"
    whole = open(path, "rb").read()
    bad.write_bytes(whole[:-7])
    refused(hub, "restore", str(bad), code=65, says="not all of one")
    bad.write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
    refused(hub, "restore", str(bad), code=65, says="is damaged")
    refused(hub, "restore", str(world.directory / "none"), code=66, says="is not there")
    refused(hub, "restore", path, "--passphrase-file",
            _passphrase(world, "another one altogether"), code=77, says="passphrase")
    other = world.make_hub("other", start=False)
    refused(other, "restore", path, "--passphrase-file", _passphrase(world), code=73,
            says="another hub")
    (hub.data / "store.db-wal").write_bytes(b"left behind")
    refused(hub, "restore", path, "--passphrase-file", _passphrase(world), code=73, says="journal")
    (hub.data / "store.db-wal").unlink()
    expect(not (hub.data / "store.db").exists(), "nothing was put there meanwhile")
    _restore(world, hub, path)
    hub.start()
    in_sync(hub, rees)
    refused(hub, "backup", path, "--passphrase-file", _passphrase(world), code=73,
            says="a file of that name")
    refused(hub, "backup", path + "2", "--passphrase-file", _passphrase(world, "short"), code=65,
            says="at least 12")


def a_backup_goes_on_while_devices_write_and_holds_what_was_there_when_it_began(world):
    hub, rees = world.pair("rees")
    writers = _Writers((rees,))
    positions = []
    for number in range(5):
        low = hub.ask("status")["position"]
        _, made = _backup(world, hub, f"hub-{number}.backup")
        positions.append(made["position"])
        expect(made["position"] >= low, "nothing that was committed before it began is left out")
        wrote = writers.written
        wait_until(lambda n=wrote: writers.written > n, SECONDS, "writing goes on")
    writers.end()
    equal(positions, sorted(positions), "positions of later backups")
    in_sync(hub, rees)
    _lose_store(hub)
    _restore(world, hub, str(world.directory / "hub-4.backup"))
    hub.start()
    in_sync(hub, rees)
    _expect_equal(hub, rees)
