"""What one device writes, others see; what disagrees, all see until a person chooses."""
import sqlite3

from world import SCOPE, SECONDS, equal, expect, in_sync, wait_until


def a_write_on_one_device_appears_on_another(world):
    _, rees, okafor = world.pair("rees", "okafor")
    record = rees.put("crime", "status=recorded", "summary=Window forced")
    wait_until(lambda: okafor.command("get", record)[0] == 0, SECONDS, "the other device holds it")
    seen = {field["field"]: field["value"] for field in okafor.ask("get", record)["fields"]}
    reference = seen.pop("crime_ref")  # which the device gave it
    expect(reference.startswith("CR/"), f"the reference that the other device shows: {reference}")
    equal(seen, {"status": "recorded", "summary": "Window forced"}, "what the other device shows")


def a_receipt_is_shown_for_what_it_is(world):
    hub, rees = world.pair("rees")
    hub.kill()
    record = rees.put("crime", "summary=Window forced")
    equal(rees.ask("get", record)["saved"], "device", "where it is safe while there is no hub")
    equal(rees.ask("status")["waiting"], 1, "entries that wait")
    hub.start()
    in_sync(hub, rees)
    equal(rees.ask("get", record)["saved"], "hub", "where it is safe once the hub has it")
    equal(rees.ask("status")["waiting"], 0, "entries that wait")


def _disagree(world):
    """Two devices write the same field without having seen each other's write."""
    hub, rees, okafor = world.pair("rees", "okafor")
    record = rees.put("crime", "status=recorded", "outcome=Under investigation")
    in_sync(hub, rees, okafor)
    hub.kill()
    rees.put("crime", "outcome=Local resolution", record=record)
    okafor.put("crime", "outcome=Offender given a caution", record=record)
    hub.start()
    in_sync(hub, rees, okafor)
    return hub, rees, okafor, record


def a_conflict_is_listed_everywhere_and_a_choice_ends_it_everywhere(world):
    hub, rees, okafor, record = _disagree(world)
    for node in (hub, rees, okafor):
        listed = node.ask("conflicts")
        equal(listed["total"], 1, f"conflicts that {node.name} lists")
        conflict = listed["conflicts"][0]
        equal((conflict["record"], conflict["field"], conflict["rule"]),
              (record, "outcome", "keep"), f"the conflict that {node.name} lists")
        equal(sorted((value["value"], value["actor"]) for value in conflict["values"]),
              [("Local resolution", "rees"), ("Offender given a caution", "okafor")],
              f"the values that {node.name} lists")
    chosen = next(value["choice"] for value in okafor.ask("conflicts")["conflicts"][0]["values"]
                  if value["actor"] == "rees")
    okafor.resolve(record, "outcome", "--choose", chosen, "--reason", "letter of 3 May")
    in_sync(hub, rees, okafor)
    for node in (hub, rees, okafor):
        equal(node.ask("conflicts")["total"], 0, f"conflicts that {node.name} lists afterwards")


def history_shows_every_value_that_a_field_had(world):
    hub, rees, okafor, record = _disagree(world)
    okafor.resolve(record, "outcome", "--value", "Local resolution", "--reason", "letter of 3 May")
    in_sync(hub, rees, okafor)
    wanted = [("Under investigation", "rees", False), ("Local resolution", "rees", False),
              ("Offender given a caution", "okafor", False), ("Local resolution", "okafor", True)]
    for node in (rees, okafor):
        writes = node.ask("history", record, "outcome")["writes"]
        equal(sorted((write["value"], write["actor"], write["live"]) for write in writes),
              sorted(wanted), f"the history at {node.name}")
        last = next(write for write in writes if write["live"])
        equal((last["resolution"], last["reason"]), (True, "letter of 3 May"), "the choice")
        equal(len(last["overwrites"]), 2, "what the choice overwrote")
    writes = hub.ask("show", record, "--history")["writes"]
    equal(len([write for write in writes if write["field"] == "outcome"]), 4, "writes at the hub")


def an_edit_of_what_another_deleted_is_shown_and_flagged(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    record = rees.put("crime", "status=recorded")
    in_sync(hub, rees, okafor)
    hub.kill()
    okafor.delete(record, "entered twice")
    rees.put("crime", "summary=A witness came forward", record=record)
    hub.start()
    in_sync(hub, rees, okafor)
    for node, word in ((hub, "show"), (rees, "get"), (okafor, "get")):
        seen = node.ask(word, record)
        equal((seen["deleted"], seen["edited_while_deleted"]), (False, True), f"at {node.name}")
        equal([item["field"] for item in node.ask("conflicts")["conflicts"]], ["_deleted"],
              f"what {node.name} lists")
    rees.resolve(record, "--keep-deleted", "--reason", "the witness meant another day")
    in_sync(hub, rees, okafor)
    for node, word in ((hub, "show"), (rees, "get"), (okafor, "get")):
        equal(node.ask(word, record)["deleted"], True, f"deleted at {node.name}")
        equal(node.ask("conflicts")["total"], 0, f"what {node.name} lists afterwards")


def _write_without_a_grant(device, hub):
    """A device that believes it may write in a scope that the hub never gave it."""
    device.stop()
    store = sqlite3.connect(device.data / "store.db")
    store.execute("INSERT INTO granted(scope, may_write, name) VALUES(77, 1, 'other/force')")
    store.commit()
    store.close()
    before = device.put("crime", "summary=before")
    barred = device.put("crime", "summary=not allowed", "--scope", "other/force")
    behind = device.put("crime", "summary=behind it")
    device.start()
    in_sync(hub, device)
    return before, barred, behind


def a_withheld_entry_is_visible_with_its_reason_and_nothing_waits_behind_it(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    before, barred, behind = _write_without_a_grant(rees, hub)
    in_sync(hub, rees, okafor)
    for record in (before, behind):
        equal(okafor.command("get", record)[0], 0, "what stands around it flows")
    expect(okafor.command("get", barred)[0] == 66, "others do not see what is withheld")
    for node in (rees, hub):
        status = node.ask("status")
        equal(status["withheld_count"], 1, f"withheld, as {node.name} counts")
        equal([(item["code"], item["device"]) for item in status["withheld"]], [(600, "rees")],
              f"withheld, as {node.name} lists")
        expect("grant" in status["withheld"][0]["why"], f"no reason at {node.name}: {status}")
        expect("withheld" in status["next"], f"what to do next at {node.name}: {status['next']}")
    writes = rees.ask("history", barred, "summary")["writes"]
    equal([(write["value"], write["withheld"]["code"]) for write in writes],
          [("not allowed", 600)], "the author still sees it, marked")


def a_device_that_was_away_gets_all_of_it(world):
    hub, rees = world.pair("rees")
    records = [rees.put("note", f"subject=Sighting {number}") for number in range(30)]
    in_sync(hub, rees)
    okafor = world.make_device("okafor", hub)
    in_sync(hub, rees, okafor)
    okafor.kill()
    records += [rees.put("note", f"subject=Later {number}") for number in range(30)]
    okafor.start()
    in_sync(hub, rees, okafor)
    held = {row["id"] for row in okafor.ask("list", "note", "--limit", "1000")["records"]}
    equal(held, set(records), "what the late device holds")


def a_device_without_a_grant_sees_nothing_of_a_scope(world):
    hub, rees = world.pair("rees")
    kent = world.make_device("kent", hub, scopes="kent/street")
    in_sync(hub, kent)  # it has its record types
    record = rees.put("crime", "summary=Window forced")
    elsewhere = kent.put("crime", "summary=Door forced")
    in_sync(hub, rees, kent)
    equal(kent.command("get", record)[0], 66, "kent asks for what is beds'")
    equal(rees.command("get", elsewhere)[0], 66, "beds asks for what is kent's")
    equal(kent.ask("status")["scopes"], ["kent/street"], "kent's scopes")
    equal(hub.ask("show", record)["scope"], SCOPE, "the record's scope at the hub")
