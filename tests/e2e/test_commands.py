"""The commands as a person or a script meets them: help, refusals, documents, exit codes."""
import csv
import json
import re

from world import MAPPING, ROOT, STREET, equal, expect, in_sync, refused

COMMANDS = {
    "edge": ["init", "enrol", "run", "put", "get", "list", "find", "import", "delete", "conflicts",
             "resolve", "history", "status", "verify"],
    "hub": ["init", "run", "token", "devices", "revoke", "status", "conflicts", "show", "list",
            "verify"],
}


def help_begins_with_examples_and_names_every_command(world):
    for node, commands in ((world.make_device("rees"), COMMANDS["edge"]),
                           (world.make_hub(start=False), COMMANDS["hub"])):
        out = node.must("--help")
        expect(out.index("Examples:") < out.index("Commands:"), "the examples do not come first")
        for command in commands:
            expect(re.search(rf"^  {command}\s", out, re.M), f"--help does not name {command}")
            detail = node.must(command, "--help")
            expect(detail.index("Examples:") < detail.index("Usage:"),
                   f"{command}: the examples do not come first")
            expect("Exit codes:" in detail, f"{command} --help does not tell exit codes")


def an_unknown_word_is_answered_with_what_was_meant(world):
    rees, hub = world.make_device("rees"), world.make_hub(start=False)
    refused(rees, "stauts", code=2, says='Did you mean "status"?')
    refused(hub, "tokne", code=2, says='Did you mean "token"?')
    refused(rees, "put", "crime", "--reson", "x", code=2, says='Did you mean "--reason"?')
    refused(hub, "token", "--scpoes", "x", code=2, says='Did you mean "--scopes"?')
    refused(rees, code=2, says="--help")
    code, _, err = rees.command("get")
    expect(code == 2 and "Example:" in err, f"get without an id: {code}, {err}")


# What a script may count on: docs/cli.md, "JSON". New members may come; these may not go.
DOCUMENTS = {
    "holdfast.saved/1": {"id", "saved", "entries"},  # called, provisional: of what is new
    "holdfast.references/1": {"series", "provisional_count", "provisional", "shared"},
    "holdfast.record/1": {"id", "type", "scope", "title", "deleted", "edited_while_deleted",
                          "saved", "fields"},
    "holdfast.list/1": {"records"},
    "holdfast.conflicts/1": {"conflicts", "total"},
    "holdfast.history/1": {"id", "type", "scope", "title", "deleted", "complete", "writes"},
    "holdfast.import/1": {"complete", "rows", "created", "updated", "unchanged", "seen",
                          "rejected", "dry_run", "entries"},
    "holdfast.status/1": {"device", "hub", "running", "pid", "link", "link_for_ms", "dials_in_ms",
                          "last_error", "snapshot", "last_sync", "clock", "records", "entries",
                          "written_here", "at_the_hub", "waiting", "oldest_waiting", "conflicts",
                          "withheld_count", "position", "pack_version", "origin", "scopes",
                          "bundles", "references", "provisional", "withheld", "next"},
    "holdfast.verify/1": {"entries", "chains", "heads", "heads_unproved", "from_snapshot",
                          "faults", "first_fault",
                          "digests"},
    "holdfast.hub_status/1": {"hub", "running", "pid", "listen", "enrol", "origin", "epoch",
                              "position", "records", "entries", "conflicts", "withheld_count",
                              "pack_version", "devices", "bundles", "withheld", "next"},
    "holdfast.devices/1": {"devices"},
    "holdfast.token/1": {"name", "expires", "token"},
    "holdfast.revoked/1": {"name", "sessions_closed"},
}
FIELD = {"field", "rule", "conflict", "many", "value", "values"}
VALUE = {"value", "actor", "device", "time", "clock", "at", "saved"}
WRITE = {"field", "value", "actor", "device", "time", "clock", "at", "live", "resolution",
         "withheld", "overwrites"}
LISTED = {"id", "type", "scope", "title", "deleted", "edited_while_deleted", "conflicts"}
DEVICE = {"name", "force", "unit", "key_id", "scopes", "enrolled", "revoked", "connected",
          "last_seen", "in_sync", "behind"}


def _has(found, members, what):
    expect(members <= found.keys(), f"{what} lacks {sorted(members - found.keys())}")


def json_documents_have_what_the_manual_promises(world):
    hub, rees = world.pair("rees")
    documents = []

    def ask(node, *words):
        documents.append(node.ask(*words))
        return documents[-1]
    record = ask(rees, "put", "crime", "summary=Window forced")["id"]
    field = ask(rees, "get", record)["fields"][-1]  # the first is its reference
    write = ask(rees, "history", record)["writes"][-1]
    listed, = ask(rees, "list", "crime")["records"]
    _has(field, FIELD, "a field")
    _has(field["values"][0], VALUE, "a value")
    _has(write, WRITE, "a write")
    _has(listed, LISTED, "a listed record")
    expect("next" in documents[-1], "a list lacks next")
    equal([row["id"] for row in ask(rees, "find", "window")["records"]], [record], "find")
    ask(rees, "import", STREET, "--mapping", MAPPING)
    in_sync(hub, rees)
    for words in (["conflicts"], ["status"], ["verify"], ["delete", record, "--reason", "twice"]):
        ask(rees, *words)
    for words in (["status"], ["conflicts"], ["references"], ["show", record], ["show", record, "--history"],
                  ["list"], ["verify"], ["token", "--name", "x", "--force", "f", "--unit", "u",
                                         "--scopes", "s"]):
        ask(hub, *words)
    _has(ask(hub, "devices")["devices"][0], DEVICE, "a device")
    ask(hub, "revoke", "rees", "--reason", "the end")
    for document in documents:
        _has(document, DOCUMENTS[document["schema"]], document["schema"])
    equal({document["schema"] for document in documents}, set(DOCUMENTS), "schemas that were seen")
    manual = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for schema, members in DOCUMENTS.items():
        for word in (schema, *members):
            expect(f"`{word}`" in manual, f"docs/cli.md does not tell of {word}")


def refusals_have_the_exit_codes_of_the_manual(world):
    hub, rees = world.pair("rees")
    record = rees.put("crime", "status=recorded", "crime_ref=A1")
    new = world.make_device("new")
    refused(new, "status", code=78, says="not enrolled")
    refused(rees, "put", "crime", "status=nonsense", code=65, says="Enter one of")
    refused(rees, "put", "crime", "status=draft", "--id", record, code=77, says="cannot become")
    refused(rees, "put", "crime", "crime_ref=B2", "--id", record, code=77, says="written once")
    refused(rees, "put", "cirme", "summary=x", code=65, says="There are:")
    refused(rees, "put", "crime", "sumary=x", code=65, says="Its fields:")
    refused(rees, "put", "crime", "longitude=west", code=65, says="enter a number")
    refused(rees, "put", "crime", "x=y", "--scope", "kent", code=77, says="may not write")
    refused(rees, "get", "crime_00000000000000000000000000", code=66, says="holds no record")
    refused(rees, "get", "nonsense", code=65, says="not a record's id")
    refused(rees, "import", "none.csv", "--mapping", MAPPING, code=66, says="no file")
    refused(rees, "init", code=73, says="set up already")
    refused(hub, "init", code=73, says="set up already")
    manual = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|$", manual, re.M))
    help_text = rees.must("--help").split("Exit codes:")[1]
    equal({code for code in re.findall(r"(?<!\S)\d+(?= [a-z])", help_text)}, set(table),
          "exit codes in --help and in docs/cli.md")


def a_rejected_row_is_written_out_and_the_rest_is_taken(world):
    hub, rees = world.pair("rees")
    path, rejects = world.directory / "rows.csv", world.directory / "rejects.csv"
    lines = STREET.read_text(encoding="utf-8").splitlines()[:6]
    lines[2] = lines[2].replace("2018-10", "month ten", 1)
    lines[4] += ",one cell too many"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, out, _ = rees.command("import", path, "--mapping", MAPPING, "--rejects", rejects,
                                "--json")
    document = json.loads(out)
    equal((code, document["created"], document["rejected"]), (65, 3, 2), "the import")
    with open(rejects, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    equal([row[-2] for row in rows[1:]], ["3", "5"], "the lines that were rejected")
    expect(all(row[-1] for row in rows[1:]), "a rejected row has no reason")
    code, out, _ = rees.command("import", STREET, "--mapping", MAPPING, "--dry-run", "--json")
    before = rees.ask("status")["records"]
    equal((code, json.loads(out)["dry_run"]), (0, True), "the dry run")
    equal(rees.ask("status")["records"], before, "records after the dry run")
    in_sync(hub, rees)


def status_ends_with_what_to_do_next(world):
    hub, rees = world.pair("rees")
    equal(rees.ask("status")["next"], "Nothing is needed.", "next, when all is well")
    equal(rees.must("status").rstrip().splitlines()[-1], "Next: Nothing is needed.", "in words")
    hub.kill()
    rees.put("crime", "summary=alone")
    expect("carry on" in rees.ask("status")["next"] or "sent" in rees.ask("status")["next"],
           f"without a hub: {rees.ask('status')['next']}")
    rees.stop()
    expect("run" in rees.ask("status")["next"], f"no daemon: {rees.ask('status')['next']}")
    expect("run" in hub.ask("status")["next"], f"hub not running: {hub.ask('status')['next']}")


def find_matches_folded_words_in_any_text_field(world):
    _, rees = world.pair("rees")
    one = rees.put("crime", "summary=Café window forced", "log=Spoke to Mrs ÅNGSTRÖM")
    other = rees.put("crime", "summary=Door forced")

    def found(*words):
        return {row["id"] for row in rees.ask("find", *words)["records"]}
    equal(found("CAFE"), {one}, "capitals and accents do not count")
    equal(found("angstrom", "window"), {one}, "words in several fields")
    equal(found("forced"), {one, other}, "a word that both have")
    equal(found("forced", "nowhere"), set(), "every word must be there")
    rees.delete(other, "entered twice")
    equal(found("forced"), {one}, "what is deleted is not found")
