#!/usr/bin/env python3
"""The commands as people use them: real programs, real TLS, real files.

    tests/e2e/commands.py [test ...]"""
import csv
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from command_world import BUILD, MAPPING, ROOT, SLOWNESS, STREET, Skip, World, main, until


def what_one_device_writes_the_others_read():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        record = a.put("crime", "status=recorded", "summary=Window forced", "--actor", "PC Rees")
        b.holds(record, "summary", "Window forced")
        a.in_sync()
        shown = hub.json("show", record)
        assert shown["schema"] == "holdfast.record/1" and shown["scope"] == "beds/response"
        summary = next(f for f in shown["fields"] if f["field"] == "summary")
        assert summary["values"][0]["actor"] == "PC Rees"
        assert summary["values"][0]["device"] == "a"
        assert "At the hub" in a.run("get", record).out


def a_command_gives_the_same_answer_with_a_daemon_and_without():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        record = a.put("crime", "status=recorded", "summary=Window forced", "longitude=-0.111497")
        a.in_sync()
        until("the hub signed for it", lambda: a.json("get", record)["since"])
        asked = [("get", record), ("list", "crime"), ("history", record), ("conflicts",),
                 ("find", "WINDOW"), ("verify",)]
        running = [a.json(*args) for args in asked]
        a.end()
        alone = [a.json(*args) for args in asked]
        assert running == alone, (running, alone)
        assert len(alone[1]["records"]) == 1 and len(alone[4]["records"]) == 1
        assert hub.json("show", record)["id"] == record
        hub.end()
        assert hub.json("show", record)["id"] == record
        assert not hub.json("status")["running"]


def what_is_saved_survives_kill_9_and_goes_when_the_hub_is_back():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        hub.kill()
        records = [a.put("note", f"subject=number {n}") for n in range(5)]
        status = a.json("status")
        assert status["waiting"] == 5 and status["at_the_hub"] == 0, status
        a.kill()
        assert a.json("status")["waiting"] == 5
        hub.start()
        a.start()
        a.in_sync()
        for n, record in enumerate(records):
            b.holds(record, "subject", f"number {n}")


def two_versions_are_shown_and_a_person_chooses():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        record = a.put("crime", "outcome=Under investigation", "summary=first")
        b.holds(record)
        hub.kill()
        a.put("crime", "--id", record, "outcome=Local resolution", "--actor", "PC Rees")
        b.put("crime", "--id", record, "outcome=Offender fined")
        hub.start()
        until("both see the conflict", lambda: a.json("conflicts")["total"] == 1
              and b.json("conflicts")["total"] == 1)
        found = hub.json("conflicts")["conflicts"][0]
        assert found["record"] == record and found["field"] == "outcome"
        assert found["rule"] == "keep"
        values = {v["value"]: v for v in found["values"]}
        assert set(values) == {"Local resolution", "Offender fined"}
        assert values["Local resolution"]["actor"] == "PC Rees"
        assert values["Local resolution"]["device"] == "a"
        number = values["Local resolution"]["choice"]
        a.run("resolve", record, "outcome", "--choose", number, code=65)  # no reason
        a.run("resolve", record, "outcome", "--choose", number, "--reason", "letter of 3 May")
        b.holds(record, "outcome", "Local resolution")
        assert b.json("conflicts")["total"] == 0
        writes = b.json("history", record, "outcome")["writes"]
        assert [w["value"] for w in writes][0] == "Under investigation"
        assert {w["value"] for w in writes if not w["live"]} >= {"Offender fined"}
        assert writes[-1]["reason"] == "letter of 3 May" and writes[-1]["resolution"]


def a_record_edited_while_deleted_is_shown_whole():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        records = [a.put("crime", "summary=kept?", "risk=medium") for _ in range(2)]
        b.holds(records[1])
        hub.kill()
        for record in records:
            a.run("delete", record, "--reason", "entered twice")
            b.put("crime", "--id", record, "risk=high")
        hub.start()
        until("both are conflicts", lambda: a.json("conflicts")["total"] == 2)
        shown = a.json("get", records[0])
        assert shown["edited_while_deleted"] and not shown["deleted"]
        assert {f["field"]: f["value"] for f in shown["fields"]}["summary"] == "kept?"
        a.run("resolve", records[0], "--keep-deleted", "--reason", "twice indeed")
        a.run("resolve", records[1], "--restore", "--reason", "not the same")
        until("b hears of both", lambda: b.json("conflicts")["total"] == 0)
        assert b.json("get", records[0])["deleted"]
        assert [r["id"] for r in b.json("list", "crime")["records"]] == [records[1]]


def each_token_that_does_not_work_gets_its_own_sentence():
    with World() as world:
        hub, other = world.hub(), world.hub("other")
        first, second = world.edge("first"), world.edge("second")
        token = hub.token("first")
        first.run("enrol", "--token-file", "-", stdin=token)
        said = {}

        def refused(name, text, code=77):
            done = second.run("enrol", "--token-file", "-", stdin=text, code=code)
            lines = done.err.strip().splitlines()
            assert len(lines) == 1, lines
            said[name] = lines[0]
            assert not (second.data / "certificate.pem").exists()

        refused("used", token)
        refused("wrong", re.sub(r"secret ....", "secret 0000", hub.token("x")))
        refused("other hub's", re.sub(r"(?m)^hub .*$", "hub " + "0" * 32, hub.token("y")))
        theirs = dict(line.split(" ", 1) for line in other.token("z").splitlines()[1:])
        ours = hub.token("z")
        refused("other CA", re.sub(r"(?m)^ca .*$", "ca " + theirs["ca"], ours))
        short = hub.token("late", "--expires", "1s")
        time.sleep(1.2)
        refused("expired", short)
        refused("cut", ours[:-90], code=65)
        refused("no token", "hello\n", code=65)
        refused("nobody there", re.sub(r"(?m)^address .*$", "address localhost:1", ours), code=69)
        assert len(set(said.values())) == len(said), said
        second.run("enrol", "--token-file", "-", stdin=ours)  # refusals did not spend it


def an_answer_that_was_lost_costs_no_token():
    with World() as world:
        hub = world.hub()
        a = world.edge("a")
        token = hub.token("a")
        a.run("enrol", "--token-file", "-", stdin=token)
        certificate = (a.data / "certificate.pem").read_bytes()
        for name in ("certificate.pem", "ca.pem", "holdfast.conf"):
            (a.data / name).unlink()
        a.run("enrol", "--token-file", "-", stdin=token)
        assert (a.data / "certificate.pem").read_bytes() == certificate
        assert len(hub.json("devices")["devices"]) == 1


def tokens_are_for_the_owners_eyes_and_never_in_arguments():
    with World() as world:
        hub = world.hub()
        path = world.path / "token.txt"
        done = hub.run("token", "--name", "a", "--force", "beds", "--unit", "response", "--scopes",
                       "beds/response", "--out", path)
        assert done.out == "" and path.stat().st_mode & 0o777 == 0o600
        secret = re.search(r"(?m)^secret (\S+)$", path.read_text()).group(1)
        assert secret not in hub.log.read_text()
        store = (hub.data / "store.db").read_bytes() + (hub.data / "store.db-wal").read_bytes()
        assert secret.encode() not in store
        hub.run("token", "--name", "b", "--force", "beds", "--unit", "response", "--scopes",
                "beds/response", "--out", path, code=73)  # never over another file
        a = world.edge("a")
        a.run("enrol", path, code=2)
        a.run("enrol", "--token-file", path)


def revoking_ends_the_live_session_at_once_and_for_good():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        said = hub.run("revoke", "a", "--reason", "lost on patrol").out
        assert "Sessions closed: 1" in said
        until("a is out", lambda: a.json("status")["link"] == "down")
        assert "revoked" in a.run("status").out
        record = a.put("crime", "summary=too late")
        other = b.put("crime", "summary=in time")
        b.in_sync()
        until("the hub refuses a", lambda: not a.json("status")["link"] == "in-sync")
        a.end()
        begun = len(a.log.read_text())
        a.start()
        until("the hub refuses a again", lambda: " dial-failed " in a.log.read_text()[begun:])
        assert a.json("status")["waiting"] == 1
        hub.run("show", record, code=66)
        assert hub.json("show", other)["id"] == other
        devices = {d["name"]: d for d in hub.json("devices")["devices"]}
        assert devices["a"]["revoked"] and not devices["a"]["connected"]
        assert devices["b"]["connected"] and devices["b"]["in_sync"]


def rows_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def street_records(path):
    """How many records the file makes: by key where there is one, else each row its own."""
    rows = rows_of(path)
    return len({r["Crime ID"] for r in rows if r["Crime ID"]}) + sum(
        1 for r in rows if not r["Crime ID"])


def an_import_killed_again_and_again_ends_with_each_row_once():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub, start=False)
        a.start()
        a.in_sync()
        a.end()
        path = STREET / "street-city-of-london-2018-12.csv"
        want = street_records(path)
        kills = 0
        for step in range(60): # later and later into the import, however fast the machine is
            process = subprocess.Popen([a.program, "--data", str(a.data), "import", str(path),
                                        "--mapping", str(MAPPING)], env=a.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(0.05 * (1.08 ** step - 1))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        done = a.json("import", path, "--mapping", MAPPING)
        assert done["rejected"] == 0, done
        listed = a.json("list", "crime", "--limit", "10000")["records"]
        assert len(listed) == want, (len(listed), want, kills)
        assert a.json("import", path, "--mapping", MAPPING)["seen"] == len(rows_of(path))
        written = a.json("status")["written_here"]
        assert written == len(rows_of(path)), (written, kills)
        assert kills > 0


def an_import_tells_what_it_rejected_and_takes_the_rest():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        lines = (STREET / "street-city-of-london-2018-10.csv").read_text().splitlines()[:6]
        cells = lines[3].split(",")
        cells[4] = "east"
        lines[3] = ",".join(cells)
        lines[5] += ",one too many"
        path, rejects = world.path / "bad.csv", world.path / "rejects.csv"
        path.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
        dry = a.run("import", path, "--mapping", MAPPING, "--dry-run", "--json", code=65).json
        assert dry["created"] == 3 and dry["rejected"] == 2 and dry["dry_run"]
        assert a.json("status")["records"] == 0
        done = a.run("import", path, "--mapping", MAPPING, "--rejects", rejects, "--json", code=65)
        assert done.json["created"] == 3 and done.json["rejected"] == 2
        text = rejects.read_text()
        assert lines[3] in text and lines[5] in text and "longitude" in text, text
        until("the hub has them", lambda: hub.json("status")["records"] == 3)
        a.run("import", "no-such.csv", "--mapping", MAPPING, code=66)
        a.run("import", path, code=2)


def two_devices_import_the_same_file_and_nothing_is_there_twice():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("a", hub), world.edge("b", hub)
        path = STREET / "street-city-of-london-2018-10.csv"
        hub.kill()
        a.run("import", path, "--mapping", MAPPING)
        b.run("import", path, "--mapping", MAPPING)
        hub.start()
        a.in_sync()
        b.in_sync()
        want = street_records(path)
        until("all agree", lambda: a.json("status")["records"] == want
              and b.json("status")["records"] == want and hub.json("status")["records"] == want)
        assert hub.json("conflicts")["total"] == 0


def a_second_process_is_told_who_holds_the_store():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        done = a.run("run", code=75)
        assert str(a.process.pid) in done.err, done.err
        done = hub.run("run", code=75)
        assert str(hub.process.pid) in done.err, done.err
        assert a.json("status")["pid"] == a.process.pid
        a.process.send_signal(signal.SIGSTOP)  # it holds the store, and cannot answer
        try:
            (a.data / "control.sock").unlink()
            done = a.run("status", code=69)
            assert str(a.process.pid) in done.err, done.err
        finally:
            a.process.send_signal(signal.SIGCONT)


def sigterm_ends_both_daemons_within_five_seconds():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        for tries in range(5): # it has 2.5 s to send what waits: a disk may stall
            record = a.put("crime", "summary=just before the end")
            seconds, code = a.end()
            assert seconds < 5 * SLOWNESS and code == 0, (seconds, code)
            if hub.run("show", record, code=None).code == 0:
                break
            a.start()
        assert hub.json("show", record)["id"] == record, tries  # it was still sent
        seconds, code = hub.end()
        assert seconds < 5 * SLOWNESS and code == 0, (seconds, code)
        hub.start()
        a.start()
        a.in_sync()


def status_is_short_quick_and_ends_with_what_to_do():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        for node in (hub, a):
            times = []
            for _ in range(5):
                began = time.monotonic()
                done = node.run("status")
                times.append(time.monotonic() - began)
            lines = done.out.strip().splitlines()
            assert len(lines) <= 24, lines
            assert lines[-1].startswith("Next: "), lines
            assert min(times) < 0.2 * SLOWNESS, times
        assert a.run("status").out.strip().endswith("Next: Nothing is needed.")
        hub.kill()
        until("a sees it", lambda: a.json("status")["link"] == "down")
        a.put("crime", "summary=cellar")
        assert "saved on this device" in a.run("status").out.lower()
        nobody = world.edge("nobody")
        assert "token" in nobody.run("status", code=78).err


def a_damaged_store_is_not_written_to_and_says_what_is_safe():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        for n in range(30):
            a.put("crime", f"summary=Number {n} of the records that fill some pages")
        a.in_sync()
        a.end()
        path = a.data / "store.db"
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            body = bytes(db.execute("SELECT body FROM entry ORDER BY position DESC LIMIT 1")
                         .fetchone()[0])
        db.close()
        data = bytearray(path.read_bytes())
        at = data.find(body)
        assert at > 0
        data[at + len(body) // 2] ^= 0x10
        path.write_bytes(data)
        verify = a.run("verify", code=None)
        assert verify.code in (1, 65), (verify.code, verify.out, verify.err)
        assert "safe" in verify.out + verify.err
        before = len(hub.json("list", "crime", "--limit", "1000")["records"])
        assert before == 30
        data[100:4000] = os.urandom(3900)  # and a page that is no page
        path.write_bytes(data)
        done = a.run("put", "crime", "summary=x", code=65)
        assert "damaged" in done.err and "safe" in done.err, done.err
        assert path.read_bytes() == bytes(data)


def verify_finds_a_chain_that_was_changed():
    with World() as world:
        hub = world.hub()
        a = world.edge("a", hub)
        a.put("crime", "summary=evidence")
        a.in_sync()
        until("it is covered", lambda: hub.run("verify", code=None).code == 0)
        a.end()
        hub.end()
        for node in (a, hub):
            node.run("verify")
            with sqlite3.connect(node.data / "store.db") as db:
                db.execute("UPDATE entry SET chain=zeroblob(32) WHERE position=(SELECT max(position)"
                           " FROM entry)")
            db.close()
            done = node.run("verify", "--json", code=1)
            assert done.json["faults"] > 0 and done.json["first_fault"], done.out


def a_full_disk_says_so_and_recovers():
    with World() as world:
        mount = world.path / "small"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)],
                          capture_output=True, check=False).returncode != 0:
            raise Skip("no right to mount a small disk here")
        try:
            hub = world.hub()
            a = world.edge("a", hub, start=False)
            shutil.move(a.data, mount / "a")
            a.data = mount / "a"
            a.start()
            a.in_sync()
            kept = [a.put("crime", "summary=before")]
            filler = mount / "filler"
            file = os.open(filler, os.O_WRONLY | os.O_CREAT)
            try:
                while os.write(file, b"x" * 4096):
                    pass
            except OSError:
                os.close(file)
            done = None
            for n in range(2000):
                done = a.run("put", "crime", "summary=" + f"{n} " * 200, code=None)
                if done.code != 0:
                    break
                kept.append(done.out.strip())
            assert done.code == 75 and "full" in done.err and "safe" in done.err, done.err
            assert a.json("get", kept[0])["id"] == kept[0]  # reads go on
            filler.unlink()
            kept.append(a.put("crime", "summary=room again"))
            a.in_sync()
            for record in kept:
                assert hub.json("show", record)["id"] == record
            a.end()
        finally:
            for node in world.nodes:
                if node.process and node.name == "a":
                    node.kill()
            subprocess.run(["umount", str(mount)], check=False)


def logs_hold_ids_and_never_what_people_wrote():
    with World() as world:
        hub = world.hub()
        a, b = world.edge("PC 4411 Canaryname", hub), world.edge("b", hub)
        record = a.put("crime", "summary=Canarysummary", "--actor", "Sgt Canaryactor")
        b.holds(record)
        hub.kill()
        hub.start()
        a.in_sync()
        hub.run("revoke", "PC 4411 Canaryname", "--reason", "Canaryreason")
        until("out", lambda: a.json("status")["link"] == "down")
        for node in (hub, a, b):
            text = node.log.read_text()
            assert text and "anary" not in text, text


def the_manual_names_every_command_option_schema_and_exit_code():
    manual = (ROOT / "docs" / "cli.md").read_text()
    for program in ("holdfast-hub", "holdfast-edge"):
        def help_of(*args):
            return subprocess.run([str(BUILD / program), *args, "--help"], capture_output=True,
                                  text=True, check=True).stdout
        listed = help_of().split("Commands:")[1].split("Options of")[0]
        names = re.findall(r"(?m)^  (\S+)", listed)
        section = manual.split(f"\n## {program}\n")[1].split("\n## ")[0]
        assert len(names) > 8
        for name in names:
            rows = [row for row in section.splitlines() if row.startswith(f"| `{name}")]
            assert rows, (program, name)
            options = set(re.findall(r"(?m)^  (--[a-z-]+)", help_of(name))) - {"--data", "--json"}
            for option in options:
                assert any(f"`{option}`" in row for row in rows), (program, name, option)
        codes = re.findall(r"\b(\d+) [a-z]", help_of().split("Exit codes:")[1])
        assert codes and codes == re.findall(r"(?m)^\| (\d+) \|", manual)
    schemas = set()
    for path in (*(ROOT / "edge").glob("*.c"), *(ROOT / "hub").glob("*.c"), ROOT / "sync/api.c"):
        schemas |= set(re.findall(r"holdfast\.[a-z_]+/\d+", path.read_text()))
    assert len(schemas) > 10
    for schema in schemas:
        assert f"**`{schema}`**" in manual, schema


def help_and_mistakes_are_answered():
    commands = {"holdfast-hub": "init run token devices revoke status conflicts show verify",
                "holdfast-edge": "init enrol run put get list find import delete conflicts resolve "
                                 "history status verify"}
    for program, names in commands.items():
        path = str(BUILD / program)

        def run(*args):
            return subprocess.run([path, *args], capture_output=True, text=True, check=False)

        top = run("--help")
        assert top.returncode == 0 and "Examples:" in top.stdout
        for name in names.split():
            done = run(name, "--help")
            assert done.returncode == 0 and name in top.stdout
            assert done.stdout.index("Examples:") < done.stdout.index("Usage:")
            wrong = run(name, "--no-such-option")
            assert wrong.returncode == 2, (name, wrong.stderr)
        assert run("statsu").returncode == 2 and '"status"' in run("statsu").stderr
        assert run().returncode == 2


TESTS = [
    what_one_device_writes_the_others_read,
    a_command_gives_the_same_answer_with_a_daemon_and_without,
    what_is_saved_survives_kill_9_and_goes_when_the_hub_is_back,
    two_versions_are_shown_and_a_person_chooses,
    a_record_edited_while_deleted_is_shown_whole,
    each_token_that_does_not_work_gets_its_own_sentence,
    an_answer_that_was_lost_costs_no_token,
    tokens_are_for_the_owners_eyes_and_never_in_arguments,
    revoking_ends_the_live_session_at_once_and_for_good,
    an_import_killed_again_and_again_ends_with_each_row_once,
    an_import_tells_what_it_rejected_and_takes_the_rest,
    two_devices_import_the_same_file_and_nothing_is_there_twice,
    a_second_process_is_told_who_holds_the_store,
    sigterm_ends_both_daemons_within_five_seconds,
    status_is_short_quick_and_ends_with_what_to_do,
    a_damaged_store_is_not_written_to_and_says_what_is_safe,
    verify_finds_a_chain_that_was_changed,
    a_full_disk_says_so_and_recovers,
    logs_hold_ids_and_never_what_people_wrote,
    the_manual_names_every_command_option_schema_and_exit_code,
    help_and_mistakes_are_answered,
]

if __name__ == "__main__":
    sys.exit(main("commands", TESTS))
