"""A hub and devices as real processes over real TLS on loopback, for the end-to-end tests.

Every test gets a World of its own in a fresh directory; leaving it ends what it started, by its
process id. Ports are the kernel's choice, so that worlds may stand side by side."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build" / "release"))
SECONDS_MAX = 180  # for anything to come about; it takes a small part of it
SLOWNESS = 1 if os.environ.get("HOLDFAST_LONG") else 20  # as in world.py
STREET = ROOT / "tests" / "demo" / "data"
MAPPING = STREET / "street.mapping.json"


class Done:
    """What a command did."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


def until(what, condition, seconds=SECONDS_MAX):
    """Waits until `condition()` holds; its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"it did not come about in {seconds} s: {what}")
        time.sleep(0.02)


class Node:
    """One installation: its folder, its program, its daemon."""

    def __init__(self, world, name, program):
        self.world, self.name = world, name
        self.data = world.path / name
        self.program = str(BUILD / program)
        self.process = None
        self.log = world.path / f"{name}.log"
        self.env = {}

    def run(self, *args, stdin=None, code=0, env=None):
        """Runs a command to its end. `code`: the exit code that is expected; None for any."""
        done = subprocess.run([self.program, "--data", str(self.data), *map(str, args)],
                              input=stdin, capture_output=True, text=True,
                              timeout=SECONDS_MAX * 4, env=self.environment(env), check=False)
        if code is not None and done.returncode != code:
            raise AssertionError(f"{self.name} {' '.join(map(str, args))}: exit code "
                                 f"{done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *args, code=0):
        return self.run(*args, "--json", code=code).json

    def environment(self, more=None):
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        return {**env, "TZ": "UTC", **self.env, **(more or {})}

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "--data", str(self.data), "run"],
                                            stderr=log, env=self.environment())
        until(f"{self.name} runs", lambda: self.alive() and self.answers())
        return self

    def answers(self):
        status = self.run("status", "--json", code=None)
        return status.code == 0 and status.json["running"]

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended by itself: {self.log.read_text()[-2000:]}")
        return True

    def tail(self):
        """How it stands, and the end of its log."""
        code = self.process.poll() if self.process else "nothing: it was ended"
        stands = "runs" if code is None else f"ended with {code}"
        return f"-- {self.name}: {stands}\n{self.log.read_text()[-2500:] if self.log.exists() else ''}"

    def end(self, how=signal.SIGTERM):
        """Ends the daemon; how many seconds that took, and its exit code."""
        if not self.process:
            return 0.0, 0
        began = time.monotonic()
        self.process.send_signal(how)
        code = self.process.wait(SECONDS_MAX)
        self.process = None
        return time.monotonic() - began, code

    def kill(self):
        self.end(signal.SIGKILL)


class Hub(Node):
    def __init__(self, world, name="hub"):
        super().__init__(world, name, "holdfast-hub")
        self.run("init", "--listen", "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--name", "localhost")
        self.start()

    def token(self, name, *more, scopes="beds/response"):
        return self.run("token", "--name", name, "--force", "beds", "--unit", "response",
                        "--scopes", scopes, *more).out


class Edge(Node):
    def __init__(self, world, name, hub=None, scopes="beds/response"):
        super().__init__(world, name, "holdfast-edge")
        self.run("init")
        if hub:
            self.run("enrol", "--token-file", "-", stdin=hub.token(name, scopes=scopes))

    def put(self, *args):
        """The id of the record that was written."""
        return self.run("put", *args).out.strip()

    def in_sync(self):
        def all_there():
            self.alive()
            status = self.json("status")
            return status["link"] == "in-sync" and status["waiting"] == 0
        until(f"{self.name} is in sync", all_there)

    def holds(self, record, field=None, value=None):
        def has():
            got = self.run("get", record, "--json", code=None)
            if got.code != 0:
                return False
            shown = {f["field"]: f["value"] for f in got.json["fields"]}
            return field is None or shown.get(field) == value
        until(f"{self.name} holds {record} {field or ''} {value or ''}", has)


class World:
    def __init__(self):
        base = ROOT / "build"
        self.path = Path(tempfile.mkdtemp(prefix="e2e-", dir=base if base.is_dir() else None))
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            for node in self.nodes:
                print(node.tail())
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def hub(self, name="hub"):
        self.nodes.append(Hub(self, name))
        return self.nodes[-1]

    def edge(self, name, hub=None, start=True, scopes="beds/response"):
        edge = Edge(self, name, hub, scopes)
        self.nodes.append(edge)
        if hub and start:
            edge.start()
            edge.in_sync()
        return edge


class Skip(Exception):
    """The machine cannot do what the test needs; says what."""


def main(suite, tests):
    """Runs the tests, or those named on the command line; each is a line in HOLDFAST_RESULTS."""
    wanted = sys.argv[1:]
    results = os.environ.get("HOLDFAST_RESULTS")
    failed = 0
    for test in tests:
        name = test.__name__
        if wanted and name not in wanted:
            continue
        began = time.monotonic()
        outcome = "passed"
        try:
            test()
        except Skip as why:
            outcome = "skipped"
            print(f"e2e: {suite}/{name} skipped: {why}")
        except (AssertionError, KeyError, IndexError, ValueError, OSError,
                subprocess.SubprocessError) as error:
            outcome = "failed"
            failed += 1
            print(f"e2e: {suite}/{name} failed: {type(error).__name__}: {error}")
            traceback.print_exc(file=sys.stdout)  # many asserts say nothing but where they stand
        if outcome == "passed":
            print(f"e2e: {suite}/{name} passed ({time.monotonic() - began:.1f} s)")
        sys.stdout.flush()
        if results:
            with open(results, "a", encoding="utf-8") as out:
                out.write(f"e2e:{suite}/{name} {outcome}\n")
    return 1 if failed else 0
