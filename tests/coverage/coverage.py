#!/usr/bin/env python3
"""Which branches did the unit tests and some simulated worlds take, of the code that must never lose
or mix up data?

    tests/coverage/coverage.py BUILD [--measured]     --measured: count again what BUILD has counted

Counted are the files in FILES: all that stands between an outside byte and a record's live writes.
Those in FURTHER, by which entries come back and go further, are counted beside them, as a whole.
A branch is one outcome of one condition, each part of && and || by itself, as clang sees them; the
same source compiled into several programs counts once. Not counted: asserts and other macros
(clang keeps their branches inside the macro), among them the planted mistakes.

Two classes are counted for themselves, by rule, since they fail only when the machine does:
  failures passed on   `status` is tested and was not HF_OK
  memory               what malloc and its like returned was NULL, or a status says so
tests/fault makes them happen, one at a time; its short form, which runs here, takes a sample of each.

Every other branch that nothing takes stands in missed.txt with why. Exit 1: one that does not stand
there, one that stands there and is taken now, less than 95 in 100 taken, or 80 of FURTHER."""
import json
import os
import re
import subprocess
import sys
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MISSED = Path(__file__).with_name("missed.txt")
TAKEN_PERCENT_MIN = 95
WORLDS = (1, 6)  # seeds to begin with, one process each; WORLDS_EACH from there
WORLDS_EACH = 5
FILES = """merge rules lattice fold vector verdict
    bytes codec item frame columns messages messages_write messages_small messages_lease
    messages_probe messages_refill messages_snapshot
    session client client_apply client_former client_greet client_renew client_send client_upload
    upload pace
    log feed cursor head tree entry apply record draft draft_write""".split()
FURTHER = """client_certificate client_hubs client_probe client_references client_relay client_snapshot
    client_wish hubs cutoff relay refill coverage receipt epoch fence again again_delete elsewhere carry
    carrier bundle messages_carry""".split()
FURTHER_PERCENT_MIN = 80
PLAIN, PASSED_ON, MEMORY = "plain", "failures passed on", "memory"

Branch = namedtuple("Branch", "file function line condition outcome kind")


def run_worlds(build, first):
    counts = str(build / "profiles" / ("sim-%d.profraw" % first))
    environment = dict(os.environ, LLVM_PROFILE_FILE="%c" + counts)
    environment.pop("HOLDFAST_RESULTS", None)  # so few worlds do not see each invariant
    subprocess.run([build / "sim", "--seeds", str(WORLDS_EACH), "--from", str(first), "--jobs", "1"],
                   env=environment, check=True)


def faults(build):
    return [build / "fault" / name for name in ("fail_disk", "fail_alloc", "poison")]


def measure(build):
    """Each program counts into a file of its own: two in one file would lose counts."""
    profiles = build / "profiles"
    profiles.mkdir(exist_ok=True)
    for old in profiles.iterdir():
        old.unlink()
    environment = dict(os.environ, LLVM_PROFILE_FILE="%c" + str(profiles / "%m.profraw"))
    environment.pop("HOLDFAST_RESULTS", None)  # these tests were counted where they belong
    environment.pop("HOLDFAST_LONG", None)     # the short form of the faults takes the same branches
    environment.pop("HOLDFAST_BUILD", None)    # and none of them is to come from another build
    environment.pop("HOLDFAST_LONG", None)     # what the long form takes more is not of this list
    done = subprocess.run([ROOT / "tests/unit/run", build / "unit"], env=environment, check=False)
    for program in faults(build):
        subprocess.run([program], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)  # ./dev test fault judges them
    with ThreadPoolExecutor(max_workers=len(WORLDS)) as pool:
        list(pool.map(lambda first: run_worlds(build, first), WORLDS))
    return done.returncode == 0


def counted(build):
    """{(file, (line, column, line, column)): [times true, times false]}"""
    merged = build / "merged.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged,
                    *sorted((build / "profiles").glob("*.profraw"))], check=True)
    programs = [*sorted((build / "unit").glob("test_*")), *faults(build)]
    objects = [a for p in programs for a in ("-object", str(p))]
    out = subprocess.run(["llvm-cov", "export", "-format=text", "-skip-expansions",
                          "-instr-profile=%s" % merged, str(build / "sim"), *objects],
                         stdout=subprocess.PIPE, check=True).stdout
    branches = {}
    for file in json.loads(out)["data"][0]["files"]:
        name = Path(file["filename"])
        if name.parent != ROOT / "sync" or name.stem not in FILES + FURTHER or name.suffix != ".c":
            continue
        for branch in file["branches"]:
            times = branches.setdefault((name.name, tuple(branch[:4])), [0, 0])
            times[0] += branch[4]
            times[1] += branch[5]
    return branches


def text_at(lines, place):
    line, column, last_line, last_column = place
    if line == last_line:
        return lines[line - 1][column - 1:last_column - 1]
    pieces = [lines[line - 1][column - 1:], *lines[line:last_line - 1],
              lines[last_line - 1][:last_column - 1]]
    return " ".join(" ".join(pieces).split())


def function_at(lines, line):
    while not re.match(r"[a-z].*\w\(", lines[line - 1]):
        line -= 1
    return re.search(r"(\w+)\(", lines[line - 1])[1]


def kind_of(lines, line, condition, outcome):
    tested = re.fullmatch(r"(\S*\b)status (==|!=) HF_OK", condition)
    if tested and outcome == (tested[2] == "!="):
        if tested[1] in ("", "*"):
            return PASSED_ON
        if is_buffer(lines, line, re.search(r"(\w+)(?:->|\.)$", tested[1])[1]):
            return MEMORY  # what is written into a buffer fails for want of memory alone
    if condition in ("status == HF_ERR_NOMEM", "code == Z_MEM_ERROR") and outcome:
        return MEMORY
    if condition == "statement" and not outcome:
        return MEMORY  # hf_sql() makes none
    null = re.fullmatch(r"!([\w>.-]+)|([\w>.-]+) == NULL|hf_buffer_reserve\(.*\) == NULL", condition)
    made = r"\b%s = .*(m|c|re)alloc\(|hf_buffer_reserve" % re.escape(
        (null[1] or null[2] or "") if null else "")
    if null and outcome and re.search(made, "\n".join(lines[max(0, line - 3):line])):
        return MEMORY
    return PLAIN


def is_buffer(lines, line, name):
    """Is `name` declared a buffer before `line`, in this function or in a struct of this file?"""
    return re.search(r"\bhf_buffer [^;(]*\b%s\b|hf_buffer \*%s\b" % (name, name),
                     "\n".join(lines[:line])) is not None


def branches_of(measured):
    """Every branch, and those of them that were taken."""
    every, taken, sources = [], [], {}
    for (name, place), times in sorted(measured.items()):
        lines = sources.setdefault(name, (ROOT / "sync" / name).read_text().split("\n"))
        condition = text_at(lines, place)
        if "HF_PLANTED" in condition:
            continue  # a constant, in this build
        label = re.match(r"(case \w+|default)\b", condition)
        for outcome, count in ((True, times[0]), (False, times[1])):
            if label and not outcome:
                continue  # a label is reached or it is not
            branch = Branch(name, function_at(lines, place[0]), place[0],
                            label[0] if label else condition, outcome,
                            kind_of(lines, place[0], condition, outcome))
            every.append(branch)
            if count:
                taken.append(branch)
    return every, taken


def name_of(branch):
    return "%s %s: %s [%s]" % (branch.file, branch.function, branch.condition,
                               "true" if branch.outcome else "false")


def listed():
    """Counter of branches by name; the reason above them is for people."""
    found = Counter()
    for line in MISSED.read_text().splitlines():
        if re.match(r"\w+\.c ", line):
            found[line.strip()] += 1
    return found


def percent(part, whole):
    return "%4d of %4d %6.1f %%" % (part, whole, 100 * part / whole if whole else 100)


def report(every, taken, files, percent_min):
    for name in [*files, "all of these"]:
        these = files if name == "all of these" else [name]
        row = [(sum(b.kind == kind and b.file[:-2] in these for b in taken),
                sum(b.kind == kind and b.file[:-2] in these for b in every))
               for kind in (PLAIN, PASSED_ON, MEMORY)]
        print("%-18s %s   passed on %3d of %3d   memory %2d of %2d" % (
            name, percent(*row[0]), *row[1], *row[2]))
    enough = 100 * row[0][0] >= percent_min * row[0][1]
    if not enough:
        print("coverage: less than %d %% of these branches were taken" % percent_min)
    return enough


def main(arguments):
    if not arguments:
        print(__doc__)
        return 2
    build = Path(arguments[0]).resolve()
    well = "--measured" in arguments or measure(build)
    every, taken = branches_of(counted(build))
    enough = report(every, taken, FILES, TAKEN_PERCENT_MIN)
    enough = report(every, taken, FURTHER, FURTHER_PERCENT_MIN) and enough
    every, taken = ([b for b in branches if b.file[:-2] in FILES] for branches in (every, taken))
    lines = {}
    for branch in every:
        lines.setdefault(name_of(branch), branch.line)
    missed = Counter(name_of(b) for b in every if b.kind == PLAIN)
    missed -= Counter(name_of(b) for b in taken if b.kind == PLAIN)
    known = listed()
    for name in missed - known:
        print("missed, and not in missed.txt (line %d): %s" % (lines[name], name))
    for name in known - missed:
        print("in missed.txt, and taken now or gone: %s" % name)
    return 0 if well and enough and missed == known else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
