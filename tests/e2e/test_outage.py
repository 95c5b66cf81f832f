"""An outage as a thing the software knows: noticed, kept, told, and accounted for to the entry."""
import json

from browser import accessible
from world import SCOPE, equal, expect, in_sync, refused, wait_until

PATIENCE = 150  # seconds: a device notices after 15, and dials again within 37 of a drill's end


def _cut_off(device):
    return device.ask("status")["contact"]["cut_off"]


def _accounted(hub, entries, seen_by):
    """The newest outage's account, once so many devices have told of it and all is here."""
    def ask():
        account = hub.ask("outage", "show")
        right = account["seen_by"] == seen_by and account["entries"]["here"] == entries
        return right and account
    return wait_until(ask, PATIENCE, f"{seen_by} devices have told, {entries} entries are here")


def an_outage_is_accounted_for_to_the_entry_in_three_forms(world):
    hub, rees, patel, absent = world.pair("rees", "patel", "absent")
    hub.kill()
    for device in (rees, patel, absent):
        wait_until(lambda d=device: _cut_off(d), PATIENCE, f"{device.name} notices")
    for number in range(7):
        rees.put("note", f"subject=Meanwhile {number}")
    for number in range(5):
        patel.put("crime", f"summary=Meanwhile {number}")
    absent.put("note", "subject=On a phone in a drawer")
    words = rees.ask("status")["contact"]["words"]
    expect(words.startswith("Cut off from the hub since ") and "7 changes wait" in words, words)
    expect("7 changes wait, saved on this device" in rees.must("status"), "status says it")
    absent.stop()
    hub.start()
    account = _accounted(hub, 12, 2)
    equal(account["entries"]["waited"], 12, "entries that had to wait")
    equal(account["entries"]["told"], 12, "of these, told by their devices")
    equal(account["entries"]["missing"], 0, "still out")
    equal({row["name"]: row["entries"] for row in account["types"]}, {"crime": 5, "note": 7},
          "entries by type")
    equal({row["name"]: row["entries"] for row in account["forces"]}, {"demo": 12}, "by force")
    equal(sum(lane["entries"] for lane in account["lanes"]), 12, "entries over all lanes")
    equal([row["name"] for row in account["not_back"]], ["absent"], "not back")
    equal(account["integrity"]["reconciles"], True, "the account adds up")
    equal(sum(row["numbers"] + row["provisional"] for row in account["references"]), 5,
          "references given to the five crimes")
    equal(account["reason"], "fell", "why")
    _three_forms(world, hub, account)
    absent.start()
    in_sync(hub, rees, patel, absent)
    equal(_accounted(hub, 13, 3)["not_back"], [], "not back, at the end")


def _three_forms(world, hub, account):
    """The page and the Markdown say what the JSON says."""
    page, text = world.directory / "recovery.html", world.directory / "recovery.md"
    hub.must("outage", "report", "--out", page)
    hub.must("outage", "report", "--markdown", "--out", text)
    again = json.loads(hub.must("outage", "report", "--json"))
    equal(again["integrity"]["digest"], account["integrity"]["digest"], "digest over all of it")
    for path in (page, text):
        said = path.read_text(encoding="utf-8")
        for words in ("Every entry is accounted for: 12 had to wait = 12 here",
                      account["integrity"]["digest"], "References given to records",
                      "1 device has not been back"):
            expect(words in said, f"{path.name} does not say {words!r}")
    said = page.read_text(encoding="utf-8")
    expect(said.count("<svg") == said.count("</figure>") >= 4, "the page has charts")
    expect("<script" not in said and "http" not in said.replace("http-equiv", "").replace(
        "https://", "http"), "the page fetches nothing and runs nothing")
    listed = hub.ask("outage", "list")["outages"]
    equal(listed[-1]["began"], account["began"], "the newest in the list")


def a_hub_that_is_stopped_and_started_knows_how_long_it_was_away(world):
    hub, _ = world.pair()
    hub.stop()
    hub.start()
    hub.kill()
    hub.start()
    reasons = [outage["reason"] for outage in hub.ask("outage", "list")["outages"]]
    equal(reasons, ["stopped"], "one outage: it fell again as it came back")
    seen = [row["reason"] for row in hub.ask("outage", "show")["observations"]]
    equal(seen, ["stopped", "fell"], "what the hub saw of itself")
    words = hub.ask("status")["contact"]["words"]
    expect(words.startswith("Not cut off since "), words)


def a_drill_refuses_its_unit_and_ends_in_a_report_that_says_so(world):
    hub, rees = world.pair()
    other = world.make_device("other", start=False)
    other.must("enrol", "--token-file", "-", feed=hub.token("other", SCOPE, unit="custody"))
    other.start()
    in_sync(hub, rees, other)
    refused(hub, "drill", "--unit", "nobody", "--minutes", "5", code=66, says="No device belongs")
    hub.must("drill", "--unit", "response", "--minutes", "30")
    refused(hub, "drill", "--unit", "custody", "--minutes", "5", code=75, says="already")
    wait_until(lambda: _cut_off(rees), PATIENCE, "rees is cut off")
    expect("for a drill" in rees.ask("status")["contact"]["words"], "status names the drill")
    rees.put("note", "subject=In the drill")
    hub.kill()
    hub.start()
    wait_until(lambda: other.ask("status")["link"] == "in-sync", PATIENCE, "other is back")
    expect(_cut_off(rees), "a restart does not end the drill")
    expect("DRILL" in hub.ask("status")["contact"]["words"], "the hub's status names it")
    hub.must("drill", "--end")
    wait_until(lambda: not _cut_off(rees), PATIENCE, "rees is back")

    def told():
        drills = [row for row in hub.ask("outage", "list")["outages"] if row["drill"]]
        return drills and drills[-1]["seen_by"] == 1 and drills[-1]
    drill = wait_until(told, PATIENCE, "the drill is told of")
    equal(drill["unit"], "response", "the drill's unit")
    expect("DRILL." in hub.must("outage", "report", drill["began"], "--markdown"),
           "the report is marked as a drill")


def a_window_is_announced_shown_and_acknowledged(world):
    hub, rees = world.pair()
    hub.must("window", "announce", "--from", "2126-12-01T02:00Z", "--until", "2126-12-01T05:00Z",
             "--why", "new disks")
    wait_until(lambda: rees.ask("status")["planned"], PATIENCE, "rees shows it")
    equal(rees.ask("status")["planned"]["why"], "new disks", "why")
    expect("new disks" in rees.must("status"), "and to people")
    wait_until(lambda: hub.ask("window", "list")["windows"][0]["acknowledged"] == 1, PATIENCE,
               "rees acknowledges it")
    window = hub.ask("window", "list")["windows"][0]
    hub.must("window", "off", window["id"])
    equal(hub.ask("window", "list")["windows"][0]["called_off"], True, "called off")
    wait_until(lambda: rees.ask("status")["planned"] is None, PATIENCE, "rees shows it no more")
    refused(hub, "window", "announce", "--from", "2126-12-02T02:00Z", "--until",
            "2126-12-01T05:00Z", "--why", "x", code=65, says="ends after it begins")


def readiness_says_who_is_ready_and_its_exit_code_too(world):
    hub, rees = world.pair()

    def ready():
        code, out, _ = hub.command("readiness", "--json")
        return code == 0 and json.loads(out)
    found = wait_until(ready, PATIENCE, "all are ready")
    row = found["devices"][0]
    equal((row["name"], row["ready"], row["wrong"]), (rees.name, True, []), "rees")
    expect(row["free_mib"] > 0 and row["certificate_days"] > 7 and row["version"], "figures")
    hub.must("token", "--name", "new", "--force", "demo", "--unit", "response", "--scopes", SCOPE)
    late = world.make_device("late", hub, start=False)
    code, out, _ = hub.command("readiness")
    equal(code, 1, "exit code while one is not")
    expect("Not ready: 1 of 2" in out and "never told" in out, out)
    late.start()
    wait_until(ready, PATIENCE, "both are ready")


def october_2019_comes_out_as_98_77_percent(world):
    hub = world.make_hub()
    words = ("sla", "--month", "2019-10", "--also", "2019-10-08T08:00Z,2019-10-08T14:10Z",
             "--also", "2019-10-22T18:00Z,2019-10-22T21:00Z", "--charge", "291667")
    said = hub.must(*words)
    expect("98.77 %" in said and "10.00 % of the charge: 29166.70 pounds" in said, said)
    equal(hub.ask(*words)["service_ms"], 745 * 3600 * 1000, "service hours")
    refused(hub, "sla", "--month", "October", code=65, says="is not a month")


def the_recovery_page_can_be_read_by_everyone_by_day_and_by_night(world):
    """By axe-core, which also finds where colours stand too near to each other."""
    hub, rees = world.pair()
    hub.kill()
    rees.put("note", "subject=Meanwhile <b>bold</b>")
    wait_until(lambda: _cut_off(rees), PATIENCE, "rees notices")
    hub.start()
    _accounted(hub, 1, 1)
    page = world.directory / "recovery.html"
    hub.must("outage", "report", "--out", page)
    grounds = set()
    for scheme in ("light", "dark"):
        found = accessible(page, scheme, world.directory)
        equal(found["violations"], [], f"what axe finds wrong by {scheme}")
        expect(found["passes"] > 10, f"axe looked: {found['passes']} rules passed")
        grounds.add(found["ground"])
    equal(len(grounds), 2, "the page has a ground for the day and one for the night")
