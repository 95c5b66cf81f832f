#!/usr/bin/env python3
"""Makes small mistakes in the code that merges, one at a time: does some test notice each?

    tests/mutation/mutate.py BUILD [N] [--seed S] [--jobs J] [--only TEXT]

A mutant is one line changed. It is compiled alone and linked in front of the libraries of BUILD
(made by ./dev build), so that the library's own copy stays unused. Then the tests that ought to know
run first, the others after them, and whole worlds of the simulator last; what fails first has killed
it. A mutant that compiles to the same instructions is none. One that lives is either a test that is
missing, or cannot be told from the original by anyone: those stand in equivalent.txt, each with why.

Exit: 0 when at least 95 in 100 are killed, else 1."""
import argparse
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from operators import mutants_of  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
KILLED_PERCENT_MIN = 95
CPU_SECONDS_MAX = 90  # for one test program; without a mutant the slowest takes a quarter of it
SECONDS_MAX = 900     # of life, should it sleep instead
WORLDS = "3"      # simulator seeds for what no unit test noticed

# Who ought to know, quickest first; then everyone else who uses a store.
FIRST = {
    "merge.c": "merge merge_memory fold apply merge_exhaustive",
    "rules.c": "merge rules write_limits write fold_exhaustive",
    "fold.c": "fold branches damage verify view snapshot",
    "vector.c": "feed branches fold head damage",
    "lattice.c": "lattice pack fold_exhaustive",
    "verdict.c": "branches feed control hubs",
}
THEN = ("merge rules feed control branches write_limits damage verify view render head fold apply "
        "client client_places hub node renew find write store model")
FAULTS = ("fault/fail_disk", "fault/fail_alloc")  # where they are built: each failure is made to happen


def programs_for(name, bench):
    wanted = FIRST[name].split()
    tests = ["test_" + p for p in wanted + [p for p in THEN.split() if p not in wanted]]
    return [t for t in tests if t != "test_merge_memory" or name == "merge.c"] + bench.faults


def equivalents():
    """{(file, line before, line after): why}"""
    known = {}
    for block in EQUIVALENT.read_text().split("\n\n"):
        lines = [l for l in block.splitlines() if l and not l.startswith("#")]
        if not lines:
            continue
        name, before, after, why = lines[0].strip(), lines[1], lines[2], " ".join(lines[3:])
        assert before.startswith("- ") and after.startswith("+ ") and why, block
        known[name, before[2:].strip(), after[2:].strip()] = why
    return known


def needs_a_fault(mutant):
    """Only a disk or an allocation that fails can tell this one from the original."""
    return mutant.operator == "statement deleted" and re.match(
        r"if \(\*?status != HF_OK( \|\| [!\w]+)?\) (return|continue|break|goto)\b", mutant.before)


class Bench:
    """The commands that made BUILD, bent to take one file from elsewhere."""

    def __init__(self, build):
        self.build = build
        commands = json.loads((build / "compile_commands.json").read_text())
        self.compile = {}
        for c in commands:  # the planted engine comes second: the first of each file is the real one
            self.compile.setdefault(os.path.relpath(c["file"], ROOT), shlex.split(c["command"]))
        self.link = {}
        self.faults = [p for p in FAULTS if (build / p).exists()]

    def prepare(self):
        for program in {p for name in FIRST for p in programs_for(name, self)} | {"sim"}:
            target = "unit/" + program if program.startswith("test_") else program
            out = subprocess.run(["ninja", "-C", str(self.build), "-t", "commands", target],
                                 stdout=subprocess.PIPE, check=True, text=True).stdout
            words = shlex.split(out.splitlines()[-1].removeprefix(": && ").removesuffix(" && :"))
            self.link[program] = [w for w in words if w != "-g"]

    def object_of(self, source, directory, out):
        """Compiles `source` of the tree, what it includes taken from `directory` if it is there."""
        words = list(self.compile[source])
        words[words.index("-o") + 1] = str(out)
        given = directory / source
        words[-1] = str(given if given.exists() else ROOT / source)
        words = [w for w in words if w not in ("-g", "-Werror")] + ["-w"]
        words[1:1] = ["-I", str(directory), "-I", str(ROOT / "sync")]
        return subprocess.run(words, cwd=self.build, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def program(self, program, directory, mutant):
        out = directory / program.replace("/", "-")
        words = list(self.link[program])
        words[words.index("-o") + 1] = str(out)
        own = next(i for i, w in enumerate(words) if w.endswith(".c.o"))
        if program == "test_merge_memory":  # it includes the file that it tests
            if not self.object_of("tests/unit/test_merge_memory.c", directory, out.with_suffix(".o")):
                return None
            words[own] = str(out.with_suffix(".o"))
        else:
            words.insert(own, str(mutant))
        words.insert(1, "-Wl,--strip-debug")
        subprocess.run(words, cwd=self.build, check=True)
        return out


def instructions(path):
    out = subprocess.run(["objdump", "-d", "-r", "-s", "-j", ".text", "-j", ".rodata", str(path)],
                         stdout=subprocess.PIPE, check=False, text=True).stdout
    return out.split("\n", 3)[-1]  # less the file's name


def ends_well(command):
    try:
        limits = "ulimit -c 0; ulimit -t %d; exec \"$@\"" % CPU_SECONDS_MAX
        return subprocess.run(["sh", "-c", limits, "sh", *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=SECONDS_MAX,
                              env={k: v for k, v in os.environ.items()
                                   if k not in ("HOLDFAST_RESULTS", "HOLDFAST_LONG")},
                              check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def judge(bench, mutant):
    """Who killed it; "same", "broken" or "" (it lives)."""
    with tempfile.TemporaryDirectory(prefix="hf-mutant-") as name:
        directory = Path(name)
        (directory / "sync").mkdir()
        source = "sync/" + mutant.file
        plain, changed = directory / "plain.o", directory / "mutant.o"
        bench.object_of(source, directory, plain)
        (directory / source).write_text(mutant.text)
        if not bench.object_of(source, directory, changed):
            return "broken"
        if instructions(plain) == instructions(changed):
            return "same"
        for program in programs_for(mutant.file, bench):
            path = bench.program(program, directory, changed)
            if path is None or not ends_well([str(path)]):
                return program
            path.unlink()
        path = bench.program("sim", directory, changed)
        return "" if ends_well([str(path), "--seeds", WORLDS, "--from", "1", "--jobs", "1"]) else "sim"


def draw(count, seed, only):
    every = []
    for name in FIRST:
        every += mutants_of(name, (ROOT / "sync" / name).read_text())
    if only:
        every = [m for m in every if only in "%s:%d %s" % (m.file, m.line, m.after)]
    random.Random(seed).shuffle(every)
    return every, every[: count * 2] if count else every


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    if given.seed is None:
        given.seed = random.randrange(1_000_000)
    return given


def report(killed, lived, equal, seed):
    killers = {}
    for _, who in killed:
        killers[who] = killers.get(who, 0) + 1
    print("killed by: " + ", ".join("%s %d" % (k, n) for k, n in
                                    sorted(killers.items(), key=lambda k: -k[1])))
    percent = 100 * len(killed) / max(1, len(killed) + len(lived))
    print("mutation: %d killed, %d survived, %d equivalent: %.1f %% killed (seed %d)" % (
        len(killed), len(lived), len(equal), percent, seed))
    return percent >= KILLED_PERCENT_MIN


def main():
    given = arguments()
    bench = Bench(given.build.resolve())
    bench.prepare()
    known = equivalents()
    every, drawn = draw(given.count, given.seed, given.only)
    print("mutation: %d mutants possible, %d wanted, seed %d" % (
        len(every), given.count or len(every), given.seed), flush=True)
    killed, lived, equal, faults = [], [], [], []

    def one(mutant):
        if (mutant.file, mutant.before, mutant.after) in known:
            return mutant, "known"
        if not bench.faults and needs_a_fault(mutant):
            return mutant, "fault"
        if given.count and len(killed) + len(lived) >= given.count:
            return mutant, "enough"
        began = time.monotonic()
        who = judge(bench, mutant)
        if sys.stderr.isatty() or os.environ.get("MUTATION_TRACE"):
            print("%s:%d %s: %s, %.0f s" % (mutant.file, mutant.line, mutant.operator, who or "lives",
                                            time.monotonic() - began), file=sys.stderr, flush=True)
        return mutant, who

    with ThreadPoolExecutor(max_workers=given.jobs) as pool:
        for mutant, who in pool.map(one, drawn):
            if who in ("same", "broken", "enough"):
                continue
            if who == "fault":
                faults.append(mutant)
            elif who == "known":
                equal.append(mutant)
            elif who:
                killed.append((mutant, who))
            else:
                lived.append(mutant)
                print("survived: sync/%s:%d %s\n  - %s\n  + %s" % (
                    mutant.file, mutant.line, mutant.operator, mutant.before, mutant.after),
                    flush=True)
    if faults:
        print("not tried: %d that only a failing disk could tell; tests/fault is not built" % len(faults))
    return 0 if report(killed, lived, equal, given.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
