"""A receipt: where a record is safe, since when; and a file that proves it to someone else, elsewhere."""
import json
import subprocess

from world import equal, expect, fold, in_sync, wait_until

GENUINE, NOTHING = 0, 1


def _signed(device, record):
    """Waits until a hub has signed for all that this device wrote in the record."""
    wait_until(lambda: all(entry["signed"] for entry in device.ask("receipt", record)["entries"]
                           if entry["written_here"]), 20, "a hub signed for the record")


def _exported(world, device, record, name="it.receipt", *more):
    path = world.directory / name
    code, _, err = device.command("receipt", record, "--export", path, *more)
    equal(code, 0, f"export: {err}")
    return path


def _verify(world, path, ca, *more, program="holdfast-edge"):
    """On another machine: no data directory, nothing but the file and the CA's certificate."""
    done = subprocess.run([world.build / program, "verify-receipt", path, "--ca", ca, *more],
                          env={"HOLDFAST_DATA": str(world.directory / "nothing-here")},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def a_receipt_proves_a_record_on_another_machine(world):
    hub, rees = world.pair("rees")
    record = rees.put("crime", "status=recorded", "summary=Window forced")
    rees.put("crime", "summary=Two windows forced", record=record)
    rees.put("note", "subject=Something else")
    _signed(rees, record)
    path = _exported(world, rees, record)
    ca = rees.data / "ca.pem"
    for program in ("holdfast-edge", "holdfast-hub"):
        code, out, err = _verify(world, path, ca, program=program)
        equal(code, GENUINE, f"{program}: {out}{err}")
        for words in ("genuine", record, "rees", "held it durably no later than", "does not say"):
            expect(words in out, f"{words!r} is not in: {out}")
    told = rees.ask("receipt", record)["entries"]
    code, out, _ = _verify(world, path, ca, "--json")
    found = json.loads(out)
    equal(found["record"], record, "the record")
    equal([(entry["reference"], entry["at"], entry["held_by"]) for entry in found["entries"]],
          [(entry["reference"], entry["at"], entry["since"]) for entry in told], "its entries")
    expect(b"Something else" not in path.read_bytes(), "another record's words are in the file")
    # The operator reads the same references to the officer.
    at_hub = hub.ask("receipt", record)["entries"]
    equal([entry["reference"] for entry in at_hub], [entry["reference"] for entry in told],
          "references at the hub")


def one_entry_is_proved_alone_by_its_reference(world):
    _, rees = world.pair("rees")
    record = rees.put("crime", "summary=Window forced")
    rees.put("crime", "summary=Not for everyone", record=record)
    _signed(rees, record)
    first = rees.ask("receipt", record)["entries"][0]["reference"]
    spoken = first.lower().replace("-", " ").replace("0", "o")
    path = _exported(world, rees, record, "one.receipt", "--entry", spoken)
    expect(b"Not for everyone" not in path.read_bytes(), "another entry's words are in the file")
    code, out, _ = _verify(world, path, rees.data / "ca.pem", "--json")
    equal(code, GENUINE, "it is genuine")
    equal([entry["reference"] for entry in json.loads(out)["entries"]], [first], "its entry")
    wrong = ("1" if first[0] != "1" else "2") + first[1:]
    code, _, err = rees.command("receipt", record, "--entry", wrong)
    expect(code == 65 and "misheard" in err, f"a misheard reference: {code} {err}")


def nothing_is_called_at_the_hub_or_proved_before_the_hub_has_it(world):
    hub, rees = world.pair("rees")
    hub.kill()
    record = rees.put("crime", "summary=Window forced")
    entry = rees.ask("receipt", record)["entries"][0]
    equal((entry["saved"], entry["signed"]), ("device", False), "with no hub")
    path = world.directory / "none.receipt"
    code, _, err = rees.command("receipt", record, "--export", path)
    expect(code == 75 and "no hub has signed" in err, f"an export: {code} {err}")
    expect(not path.exists(), "a file was written that proves nothing")
    code, out, _ = rees.command("get", record)
    expect("Saved on this device since" in out and "At the hub" not in out, f"get: {out}")
    hub.start()
    _signed(rees, record)
    code, out, _ = rees.command("get", record)
    expect("At the hub since" in out and entry["reference"] in out, f"get: {out}")
    _, out, _ = rees.command("receipt", record)
    expect("signed for by" in out, f"receipt: {out}")


def _forgeries(raw):
    """(what was done to it, the sentence that must come, its bytes)"""

    def changed(change):
        again = fold.cbor(raw)[0]
        change(again)
        return fold.encode(again)

    def alter_words(file):
        link = next(link for link in file[4][0][4] if isinstance(link, list))
        parts = link[1][8]
        at = next(n for n, part in enumerate(parts) if isinstance(part, bytes))
        parts[at] = parts[at].replace(b"Window", b"Wallet")

    def alter_time(file):
        file[4][0][6][2] += 1

    def swap_way(file):
        file[4][0][4].append(bytes(32))

    def swap_log(file):
        file[4][0][6][4] = bytes(32)

    def device_poses(file):
        file[3][0] = file[3][1]

    def other_signature(file):
        seal = file[4][0][6]
        seal[8] = seal[8][:63] + bytes([seal[8][63] ^ 1])

    def not_ours(file):
        file[0] = "holdfast-recipe"

    yield "altered record", "record was altered", changed(alter_words)
    yield "altered time", "signature does not fit", changed(alter_time)
    yield "another signature", "signature does not fit", changed(other_signature)
    yield "another entry's path", "belongs to another entry", changed(swap_way)
    yield "another log", "another log", changed(swap_log)
    yield "a device as hub", "a device, not a hub", changed(device_poses)
    yield "another kind of file", "not a receipt", changed(not_ours)
    for size in (0, 1, len(raw) // 2, len(raw) - 1):
        yield f"cut to {size}", "not a whole receipt", raw[:size]
    yield "more behind it", "not a whole receipt", raw + b"\x00"
    yield "a megabyte more", "larger than any receipt", raw + bytes(1024 * 1024)


def each_forgery_is_refused_with_its_own_sentence(world):
    _, rees = world.pair("rees")
    record = rees.put("crime", "summary=Window forced")
    _signed(rees, record)
    path = _exported(world, rees, record)
    forged = world.directory / "forged.receipt"
    for what, sentence, raw in _forgeries(path.read_bytes()):
        forged.write_bytes(raw)
        code, out, err = _verify(world, forged, rees.data / "ca.pem")
        expect(code != GENUINE and sentence in out + err, f"{what}: {code} {out}{err}")
    other = world.make_hub("other", start=False)
    code, out, _ = _verify(world, path, other.data / "ca.pem")
    expect(code == NOTHING and "not by this authority" in out, f"another CA: {code} {out}")
    code, _, err = _verify(world, path, world.directory / "no-such.pem")
    expect(code == 66 and "--ca FILE" in err, f"no CA: {code} {err}")


def receipts_survive_kills_and_each_one_verifies(world):
    hub, rees = world.pair("rees")
    records = []
    for number in range(6):
        records.append(rees.put("crime", f"summary=Number {number}"))
        (hub if number % 2 else rees).kill()
        (hub if number % 2 else rees).start()
    in_sync(hub, rees)
    for number, record in enumerate(records):
        _signed(rees, record)
        path = _exported(world, rees, record, f"{number}.receipt")
        code, out, err = _verify(world, path, rees.data / "ca.pem")
        equal(code, GENUINE, f"record {number}: {out}{err}")
