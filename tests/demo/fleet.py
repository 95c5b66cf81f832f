"""Hubs, stations and devices as real processes, each in a directory of its own, and a journal of promises.

Why journals: what an officer was told is saved, and what a device was told is at the hub, is written
down here by the one who heard it and synced to disk, so that a later account does not depend on the
programs that made the promises. The demo, the replay and the end-to-end tests share this file."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

SAFE = re.compile(r" at-(hub|station) up-to=([0-9a-f]{32})/(\d)/(\d+)$")
START_SECONDS = 120  # for anything that takes moments: a slow or busy machine is no fault
COMMAND_SECONDS = 600
# Below the ports that a system gives to those who dial, or a dialler could sit on a dead hub's.
PORTS = (20000, 30000)


class Trouble(Exception):
    """A program did not do what it must; the sentence says which and how it answered."""


def wait_until(is_so, seconds, what, pause=0.02):
    """Polls until `is_so()` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Trouble(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


class Journal:
    """One promise a line, on disk before the next thing happens."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.saved = 0
        self.upto = {"acked": {}, "held": {}}  # at the hub, and at a station

    def note(self, event, dot, **more):
        origin, lane, seq = dot.split("/")[:3]
        line = dict(event=event, origin=origin, lane=int(lane), seq=int(seq),
                    at=round(time.monotonic(), 3), **more)
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            if event == "saved":
                self.saved += more.get("count", 1)
            else:
                log, upto = (origin, int(lane)), self.upto[event]
                upto[log] = max(upto.get(log, 0), int(seq))

    def acked_logs(self, event="acked"):
        """((origin, lane), seq) of each log, as far as it is known to be at the hub, or "held" by a
        station."""
        with self.lock:
            return list(self.upto[event].items())


class Node:
    """One program with its data directory: run it, ask it, end it, kill it."""

    def __init__(self, program, name, directory, environment=None):
        self.program, self.name = str(program), name
        self.data = Path(directory)
        self.log_path = self.data.parent / (self.data.name + ".log")
        self.environment = dict(environment or {})
        self.process = None

    def env(self):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        return {**clean, **self.environment}

    def command(self, *words, feed=None, cwd=None):
        """Runs one command to its end: (exit code, standard output, standard error)."""
        done = subprocess.run([self.program, "--data", str(self.data), *map(str, words)],
                              input=feed, env=self.env(), cwd=cwd, text=True,
                              stdin=subprocess.DEVNULL if feed is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=COMMAND_SECONDS, check=False)
        return done.returncode, done.stdout, done.stderr

    def must(self, *words, **options):
        code, out, err = self.command(*words, **options)
        if code != 0:
            raise Trouble(f"{self.name}: \"{' '.join(map(str, words))}\" ended with {code}: "
                          f"{err.strip() or out.strip()}")
        return out

    def ask(self, *words):
        return json.loads(self.must(*words, "--json"))

    def log_bytes(self, start=0):
        if not self.log_path.exists():
            return b""
        with open(self.log_path, "rb") as file:
            file.seek(start)
            return file.read()

    def log(self, start=0):
        return self.log_bytes(start).decode("utf-8", "replace")

    def log_size(self):
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def saw(self, pattern, start, seconds=START_SECONDS):
        """Waits for a line of the daemon's log from offset `start` on that matches."""
        return wait_until(lambda: re.search(pattern, self.log(start), re.M), seconds,
                          f"{self.name} logs /{pattern}/")

    def tail(self, lines):
        """How it stands, and the end of its log: for who must understand a failure from this alone."""
        code = self.process.poll() if self.process else None
        stands = "runs" if self.running() else f"ended with {code}" if self.process else "never ran"
        last = [line[:300] for line in self.log().splitlines()[-lines:]]
        return "\n".join([f"-- {self.name} ({self.data.name}): {stands}", *last])

    def launch(self, prefix=()):
        """Starts the daemon without waiting for it."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, self.program, "--data", str(self.data), "run"], env=self.env(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return self.process

    def start(self, prefix=()):
        begun = self.log_size()
        self.launch(prefix)

        def is_up():
            if self.process.poll() is not None:
                raise Trouble(f"{self.name}: the daemon ended with {self.process.returncode}: "
                              f"{self.log(begun).strip()}")
            return " started " in self.log(begun)
        wait_until(is_up, START_SECONDS, f"{self.name} starts")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """No goodbye: what SIGKILL, a flat battery or a tripped fuse leave."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Trouble(f"{self.name}: SIGTERM did not end it within {START_SECONDS} s") \
                    from None
        return self.process.returncode if self.process else None


class Hub(Node):
    """The hub; it takes free ports when it first starts, and keeps them."""

    def __init__(self, build, directory, environment=None, suffix=""):
        super().__init__(Path(build) / f"holdfast-hub{suffix}", "the hub", directory, environment)

    def make(self):
        self.must("init", "--listen", "127.0.0.1:0", "--enrol", "127.0.0.1:0")

    def token(self, device, scopes, *more, force="demo", unit="response"):
        """Makes a token; returns its text."""
        return self.must("token", "--name", device, "--force", force, "--unit", unit,
                         "--scopes", scopes, *more)

    def ports(self):
        """(sessions, enrolment)"""
        return [int(line.split()[1]) for line in (self.data / "ports").read_text().splitlines()]


GIVEN = set()  # no port twice, for not all who were given one listen on it all the time


def free_port():
    """One that must be known before the program listens, so it is taken on trust."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        if port in GIVEN:
            continue
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
                GIVEN.add(port)
                return port
            except OSError:
                continue


class Station(Hub):
    """A hub with an upstream; its token names the port where devices will find it."""

    def __init__(self, build, name, directory, environment=None, suffix=""):
        super().__init__(build, directory, environment, suffix)
        self.name, self.port = name, free_port()

    def join(self, hub, scopes, *more, address=None, **grant):
        """`more`: of `init`."""
        token = hub.token(self.name, scopes, "--station", "--address",
                          address or f"localhost:{self.port}", **grant)
        self.must("init", "--station", "--token-file", "-", "--listen", f"127.0.0.1:{self.port}",
                  *more, feed=token)


class Device(Node):
    """One officer's device, with its journal."""

    def __init__(self, build, name, directory, environment=None, suffix=""):
        super().__init__(Path(build) / f"holdfast-edge{suffix}", name, directory,
                         {"HOLDFAST_ACTOR": name, **(environment or {})})
        self.journal = Journal(self.data.parent / (self.data.name + ".journal"))
        self.offline = False  # is the hub gone? The journal says so with each write.
        self.read_from, self.ended = 0, threading.Event()
        self.reader = threading.Thread(target=self.follow, daemon=True)
        self.reader.start()

    def follow(self):
        """Journals every receipt, as soon as the daemon's log says it."""
        while not self.ended.wait(0.01):
            self.take_receipts()

    def take_receipts(self):
        text = self.log_bytes(self.read_from)
        text = text[:text.rfind(b"\n") + 1]
        for line in text.decode("utf-8", "replace").splitlines():
            found = SAFE.search(line)
            if found:
                where, *dot = found.groups()
                self.journal.note("acked" if where == "hub" else "held", "/".join(dot))
        self.read_from += len(text)

    def settle(self):
        """Every receipt that stands in the log now is in the journal when this returns."""
        size = self.log_size()
        wait_until(lambda: self.read_from >= size, START_SECONDS, f"{self.name}: its log is read")

    def join(self, hub, scopes, *stations, **grant):
        """It goes to the hub, and where that is away to the stations at these ports."""
        more = [word for port in stations for word in ("--station", f"localhost:{port}")]
        self.must("init")
        self.must("enrol", "--token-file", "-", *more, feed=hub.token(self.name, scopes, **grant))

    def close(self):
        self.ended.set()
        self.reader.join()

    def promised(self):
        """(origin, lane, seq) of every entry that the journal says is saved."""
        for line in self.journal.path.read_text(encoding="utf-8").splitlines():
            note = json.loads(line)
            for at in range(note.get("count", 1) if note["event"] == "saved" else 0):
                yield bytes.fromhex(note["origin"]), note["lane"], note["seq"] + at

    def acknowledged(self):
        """(origin, lane, seq) of every entry that the device was told is at the hub."""
        for (origin, lane), seq in self.journal.acked_logs():
            for at in range(1, seq + 1):
                yield bytes.fromhex(origin), lane, at

    # ---- what an officer does; each is journalled once it is said to be saved ----

    def saved(self, document, what):
        for dot in document["entries"]:
            self.journal.note("saved", dot, device=self.name, what=what, offline=self.offline)
        return document

    def put(self, kind, *words, record=None):
        target = ["--id", record] if record else []
        document = self.ask("put", kind, *target, *words)
        return self.saved(document, f"{document['id']}: {' '.join(words)}")["id"]

    def delete(self, record, reason):
        self.saved(self.ask("delete", record, "--reason", reason), f"{record}: deleted")

    def resolve(self, record, *words):
        self.saved(self.ask("resolve", record, *words), f"{record}: resolved")

    def import_rows(self, path, mapping):
        """(exit code, document): what was saved is journalled even when the import was cut short."""
        code, out, err = self.command("import", path, "--mapping", mapping, "--json")
        document = json.loads(out) if out else None
        for run in document["entries"] if document else []:
            self.journal.note("saved", run["first"], count=run["count"], device=self.name,
                              what=f"a row of {Path(path).name}", offline=self.offline)
        if code == 0 and not document:
            raise Trouble(f"{self.name}: import said nothing: {err}")
        return code, document
