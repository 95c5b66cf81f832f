#!/usr/bin/env python3
"""Holds docs/architecture.md to its word: each promise has a test, and that test just passed.

    HOLDFAST_RESULTS=build/test-results.txt promises.py

Reads the table under "Promises": each row names at least one test in backticks, as `kind:name` or
`kind:suite/name`, the words of the results file (see the top of `dev`). A name that is not in the
file does not exist or did not run; one that is there and was skipped guards nothing today. One that
failed, or that a failure before it in its suite kept from running, is told of and is no second failure:
it counts where it failed. A test that runs in several ways (name/few, name/many) may be named without
the way: then all must pass.
Also: every relative link in our own pages leads somewhere."""
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/architecture.md"
KINDS = ("build", "tidy", "unit", "fault", "thread", "fuzz", "example", "e2e", "client2", "sim",
         "planted", "demo", "replay", "docs")


def promises():
    """(line, promise, names of its tests)"""
    in_section = False
    for number, line in enumerate((ROOT / PAGE).read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("## "):
            in_section = line.startswith("## Promises")
        if not in_section or not line.startswith("|") or re.match(r"\|[-: |]+\|$", line):
            continue
        names = re.findall(r"`((?:%s):[^`\s]+)`" % "|".join(KINDS), line)
        if line.startswith("| We promise"):
            continue
        yield number, line.split("|")[1].strip(), names


def results():
    outcomes = {}
    with open(os.environ["HOLDFAST_RESULTS"], encoding="utf-8") as file:
        for line in file:
            name, _, outcome = line.strip().rpartition(" ")
            if outcomes.get(name, "passed") == "passed":
                outcomes[name] = outcome
    return outcomes


def cause(name, outcomes):
    """The failed test for which this one did not pass; None where there is no such."""
    kind, suite = name.split(":")[0], name.split("/")[0] + "/"
    for found, outcome in outcomes.items():
        if outcome == "failed" and (found == name or found.startswith(name + "/")):
            return found
    missing = not any(found == name or found.startswith(name + "/") for found in outcomes)
    for found, outcome in outcomes.items():
        in_suite = found.startswith(suite) and "/" in name or found == kind + ":all"
        if missing and outcome == "failed" and in_suite:
            return found
    return None


def check_promises(told):
    """Findings; what is not so because a test failed is appended to `told`."""
    outcomes, count = results(), 0
    for number, promise, names in promises():
        count += 1
        if not names:
            yield "%s:%d: no test is named for: %s" % (PAGE, number, promise)
        for name in names:
            found = {o for n, o in outcomes.items() if n == name or n.startswith(name + "/")}
            if cause(name, outcomes):
                told.append("%s:%d: not so today, since %s failed: %s" % (
                    PAGE, number, cause(name, outcomes), promise))
            elif found != {"passed"}:
                yield "%s:%d: %s %s" % (PAGE, number, name, " and ".join(sorted(found)) or
                                        "is missing: it does not exist, or did not run")
    if count == 0:
        yield "%s:1: no table of promises" % PAGE


def check_links():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for page in sorted(pages):
        for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" not in target and not (page.parent / target).exists():
                    yield "%s:%d: leads nowhere: %s" % (page.relative_to(ROOT), number, target)


def main():
    if not os.environ.get("HOLDFAST_RESULTS"):
        print(__doc__)
        return 2
    status, told = 0, []
    for name, findings in (("docs:promises", list(check_promises(told))),
                           ("docs:links", list(check_links()))):
        print("\n".join(findings), end="\n" if findings else "")
        status = 1 if findings else status
        with open(os.environ["HOLDFAST_RESULTS"], "a", encoding="utf-8") as file:
            file.write("%s %s\n" % (name, "failed" if findings else "passed"))
    print("\n".join(told), end="\n" if told else "")
    return status


if __name__ == "__main__":
    sys.exit(main())
