"""Peers that mean harm: what they do costs them their session and nobody else a thing that matters.

What is measured: how long an honest device's write takes to be durable at the hub and at another device,
alone and while somebody misbehaves, in the same run. HOLDFAST_LONG makes everything longer, and holds to
twice the 99th percentile, or 1 ms more where that is more. The attacker then has a processor of its own and the
hub and the honest pair the others, as if it were another machine: else Linux, at any priority, lets it end its
slice of a millisecond while the hub, whose write is on the disk, waits for that processor. On a busy machine
all this is noise, so the millisecond grows with how busy it is, and a measurement that fails is made again.
Without HOLDFAST_LONG the bound is what nobody waits who is served in turn, on any machine."""
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import attacks
import fold
import honest
import wire
from world import SECONDS as PATIENCE, SLOWNESS, equal, expect, in_sync, wait_until

LONG = bool(os.environ.get("HOLDFAST_LONG"))
SECONDS = 15 if LONG else 0.8   # of one attack while it is measured
ALONE = 6 if LONG else 0.4      # ... and of the honest pair without it
TRIES = 4
SLACK_MS, QUIET_MS = 1, 2       # 1 ms, where an undisturbed write takes 2 ms
IN_TURN_MS = 5000
ROOM_MIB = 64 if LONG else 128  # by which the hub may grow: HF_HUB_INBOX_BYTES_MAX, and what malloc keeps
STREET, OTHER = "beds/street", "beds/other"
STRANGERS_PER_ADDRESS, ENROL_STRANGERS = 256, 32  # limits.h


def _grown_mib(hub, since):
    with open(f"/proc/{hub.process.pid}/status", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 1024 - since


def _end(attack):
    """Ends it; what it says that it did."""
    attack.stdin.close()
    done = json.loads(attack.stdout.read())
    attack.wait()
    attack.stdout.close()
    return done


class _Scene:
    """A hub with an honest pair on it, and a device whose key somebody else has."""

    def __init__(self, world):
        self.hub = world.make_hub()
        writer, reader = (world.make_device(name, self.hub, STREET, start=False)
                          for name in ("rees", "okafor"))
        self.mallory = world.make_device("mallory", self.hub, f"{OTHER},{STREET}", start=False)
        self.ports = self.hub.ports()
        self.pair = honest.Pair(self.ports[0], writer.data, reader.data, STREET)
        self.pair.write(0.3)  # caches are cold
        self.before = _grown_mib(self.hub, 0)

    def attack(self, name, seconds):
        """Has begun when this returns, and ends after so long, or when nobody listens to it any more."""
        words = [sys.executable, "-B", attacks.__file__, name, str(seconds), *map(str, self.ports),
                 str(self.mallory.data)]
        running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        equal(running.stdout.readline(), "begun\n", f"what {name} says first")
        return running

    def once(self, name):
        """(within bounds, a line that says so)"""
        processors = sorted(os.sched_getaffinity(0))
        apart = LONG and len(processors) > 1
        honest_ones = (0, self.pair.thread.native_id, self.hub.process.pid) if apart else ()
        for one in honest_ones:
            os.sched_setaffinity(one, processors[:-1])
        try:
            alone = self.pair.write(ALONE)
            running = self.attack(name, 600)
            if apart:
                os.sched_setaffinity(running.pid, processors[-1:])
            under = self.pair.write(SECONDS)
        finally:
            for one in honest_ones:
                os.sched_setaffinity(one, processors)
        done = _end(running)
        p99_alone, p99_under = (honest.percentile(took, 0.99) for took in (alone, under))
        slow = max(1, honest.percentile(alone, 0.5) / QUIET_MS,
                   os.getloadavg()[0] / os.cpu_count())
        bound = max(2 * p99_alone, p99_alone + SLACK_MS * slow, 0 if LONG else IN_TURN_MS)
        line = (f"   {name}: p99 {p99_alone:.1f} ms alone, {p99_under:.1f} ms under attack "
                f"({p99_under / p99_alone:.1f} times; {bound:.1f} ms allowed); "
                f"the hub grew by {_grown_mib(self.hub, self.before):.0f} MiB; {done}")
        return p99_under <= bound, line

    def measure(self, name):
        for _ in range(TRIES):
            held, line = self.once(name)
            print(line, flush=True)
            if held:
                break
        expect(held, f"in {TRIES} tries others had to wait:{line}")
        grown = _grown_mib(self.hub, self.before)
        expect(grown < ROOM_MIB, f"{name}: the hub grew by {grown:.0f} MiB")

    def end(self):
        """Whatever came, what the hub holds is whole, and it serves."""
        self.pair.write(0.1)
        self.pair.close()
        expect(self.hub.running(), "the hub ended")
        equal(self.hub.ask("verify")["faults"], 0, "faults in the hub's store")


# ---- against a hub ----

def bombs_get_their_number_and_cost_the_others_nothing(world):
    scene = _Scene(world)
    for name, message, numbers in attacks.bombs():
        link = wire.dial(scene.ports[0], scene.mallory.data)
        link.send(message)
        frames = link.until_closed()
        expect(frames and frames[-1][0] == wire.ERROR and frames[-1][1] in numbers,
               f"{name}: one of ERROR {numbers} was due, and there came {frames}")
    scene.measure("bombs")
    scene.end()


def floods_keep_nobody_waiting(world):
    scene = _Scene(world)
    for name in ("pings", "connects", "enrolments", *(["websocket_pings", "frames", "probes"] if LONG else [])):
        scene.measure(name)
    scene.end()


def a_device_at_full_speed_leaves_room_for_the_others(world):
    scene = _Scene(world)
    for name in ("big_entries", "small_entries", "withheld_entries", "origins", "sessions",
                 *(["many_records"] if LONG else [])):
        scene.measure(name)
    scene.end()


def forged_citations_and_piled_up_writes_cost_the_others_nothing(world):
    scene = _Scene(world)
    for name in ("forged_citations", "one_field"):
        scene.measure(name)
    scene.end()


def a_device_that_never_reads_costs_what_is_under_way(world):
    scene = _Scene(world)
    running = scene.attack("small_entries", 2)
    running.wait()
    _end(running)
    before = _grown_mib(scene.hub, 0)
    scene.measure("never_read")
    grown = _grown_mib(scene.hub, before)
    print(f"   one device that does not read: {grown:.0f} MiB", flush=True)
    expect(grown < (8 if LONG else 32), f"the hub grew by {grown:.0f} MiB for one device that does not read")
    scene.end()


def _patiently(act):
    """Tries again, as a device does: among hundreds that come at once it may be cut with them."""
    deadline = time.monotonic() + wire.SECONDS
    while True:
        try:
            return act()
        except (wire.Closed, OSError):
            if time.monotonic() > deadline:
                raise


def _ask_for_ca(port):
    stream = wire.tls_client(port)
    stream.sendall(b"GET /ca HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = stream.recv(99)
    stream.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise wire.Closed(f"no certificate but {answer}")


def connections_that_say_nothing_are_let_go_and_keep_nobody_out(world):
    scene = _Scene(world)
    seconds = 40 if LONG else 14
    names = ("say_nothing", "hello_by_the_byte", "request_by_the_byte", "never_hello")
    running = {name: scene.attack(name, seconds) for name in names}
    until = time.monotonic() + seconds
    took, most = [], 0
    while time.monotonic() < until:
        began = time.monotonic()
        scene.pair.one()
        _patiently(lambda: wire.dial(scene.ports[0], scene.mallory.data).close())
        _patiently(lambda: _ask_for_ca(scene.ports[1]))
        took.append(time.monotonic() - began)
        most = max(most, len(os.listdir(f"/proc/{scene.hub.process.pid}/fd")))
        time.sleep(0.1)
    done = {name: _end(process) for name, process in running.items()}
    print(f"   a write, a session and an enrolment: at most {max(took):.2f} s; descriptors: at most "
          f"{most}; the hub grew by {_grown_mib(scene.hub, scene.before):.0f} MiB; {done}", flush=True)
    expect(max(took) < 4 * SLOWNESS, f"an honest device waited {max(took):.1f} s to connect")
    # Those that come in one round of the loop are cut in the next: so twice the bound.
    expect(most < 2 * (STRANGERS_PER_ADDRESS + ENROL_STRANGERS), f"{most} descriptors were open")
    for name in names:
        expect(done[name]["overdue"] == 0, f"{name}: they are still there: {done[name]}")
    expect(_grown_mib(scene.hub, scene.before) < ROOM_MIB, "the hub grew")
    scene.end()


# ---- lies ----

def _refused(link, number, what):
    frames = [frame for frame in link.until_closed() if frame[0] == wire.ERROR]
    expect(frames and frames[-1][1] == number, f"{what}: ERROR {number} was due, not {frames}")


NOWHERE = [bytes(16), bytes(16), 0, bytes(16), bytes(16)]  # a place in no hub's feed


def a_device_that_lies_about_what_it_holds_gains_nothing(world):
    hub = world.make_hub()
    device = world.make_device("mallory", hub, OTHER, start=False)
    victim = world.make_device("rees", hub, STREET, start=False)
    port = hub.ports()[0]
    secret = honest.Device(port, victim.data)
    secret.push(honest.body(1, secret.scopes[STREET], ops=[[27, [], "not for mallory"]]))
    secret.until(honest.ACK)

    def mallory(**how):
        return honest.Device(port, device.data, **how)
    for what, frames, number in (
            ("HELLO twice", [honest.hello(os.urandom(16))], 104),
            ("an ACK of what it never got", [fold.encode([honest.FEED_ACK, 1 << 40])], 104),
            ("a PUSH of an origin that it did not name", [fold.encode(
                [honest.PUSH, 7, 3, [honest.body(1, 2)]])], 101),
            ("VECTOR though it resumed", [fold.encode([3, 2, None, None, []])], 104)):
        liar = mallory()
        for frame in frames:
            liar.link.send(frame)
        _refused(liar.link, number, what)
    liar = mallory(resume=NOWHERE)
    equal(liar.welcome[10], 1, "the verdict on a place that is not in this feed: vectors")
    liar.link.send(fold.encode([3, secret.scopes[STREET], None, None, []]))
    _refused(liar.link, 203, "a VECTOR of a scope that it does not hold")
    liar = mallory(resume=NOWHERE)
    liar.link.send(fold.encode([6, 1 << 40, bytes(16)]))
    _refused(liar.link, 104, "START where WELCOME did not say")
    liar = mallory()
    seen = json.dumps(liar.until(honest.FEED), default=repr)
    expect("not for mallory" not in seen, "it was fed what it may not see")
    liar.push(honest.body(51, liar.scopes[OTHER], pseq=50))
    _refused(liar.link, 300, "an entry far ahead of its log")
    first = mallory()
    scope = first.scopes[OTHER]
    first.push(honest.body(1, scope), honest.body(2, scope))
    first.until(honest.ACK)
    first.link.close()
    again = mallory(incarnation=first.incarnation)
    equal(again.welcome[10], 2, "the verdict on a log that claims less than the hub holds: behind")
    expect(hub.running(), "the hub ended")
    equal(hub.ask("verify")["faults"], 0, "faults in the hub's store")


def two_branches_of_one_log_are_told_apart_and_the_first_stands(world):
    hub = world.make_hub()
    device = world.make_device("mallory", hub, OTHER, start=False)
    port = hub.ports()[0]
    first = honest.Device(port, device.data)
    scope = first.scopes[OTHER]
    kept = [honest.body(seq, scope) for seq in (1, 2)]
    first.push(*kept)
    first.until(honest.ACK)
    first.push(honest.body(2, scope))
    _refused(first.link, 301, "another entry at a dot, on one connection")
    older = honest.Device(port, device.data, incarnation=first.incarnation)
    newer = honest.Device(port, device.data, incarnation=first.incarnation)
    newer.push(honest.body(2, scope, record=os.urandom(16)))
    _refused(newer.link, 301, "another entry at a dot, on a second connection")
    frames = older.link.until_closed()
    expect(frames and frames[-1][0] == wire.BYE, f"the older session was not told to go: {frames}")
    store = fold.read_store(hub.data / "store.db")
    expect(len([dot for dot in store.dots if dot[1] == 3]) == 2, "the hub holds another branch")
    equal(hub.ask("verify")["faults"], 0, "faults in the hub's store")


def _key_id(hub, name):
    rows = {row["name"]: row for row in hub.ask("devices")["devices"]}
    return bytes.fromhex(rows[name]["key_id"])


def a_citation_that_is_not_true_overwrites_nothing(world):
    scene = _Scene(world)
    writer, scope = scene.pair.writer, scene.pair.scope
    record = b"\x01\x95" + os.urandom(14)
    writer.seq += 1
    writer.push(honest.body(writer.seq, scope, record=record,
                            ops=[[1, [], "MARK"], [27, [], "what stands"]]))
    while max([0] + [log[2] for log in writer.until(honest.ACK)[1]]) < writer.seq:
        pass
    found = [row for row in scene.hub.ask("list", "--limit", "10000")["records"]
             if row.get("title") == "MARK"]
    equal(len(found), 1, "records that are marked")
    mallory = honest.Device(scene.ports[0], scene.mallory.data)
    named = hashlib.sha256(b"\x06" + _key_id(scene.hub, "rees") + writer.incarnation).digest()[:16]
    cites = [[1, writer.seq, b"\x00\x01\x02\x03"]] + [[1, 10 ** 9 + at, b"\x01\x02\x03\x04"]
                                                      for at in range(250)]
    part = bytes(8) + fold.encode([16, record, [[named, 3]], [[27, cites, ...]]])
    mallory.push([1, 0, scope, 1 << 40, 3, 1, "mallory", None, [part]])
    mallory.until(honest.ACK)
    shown = {field["field"]: field["value"]
             for field in scene.hub.ask("show", found[0]["id"])["fields"]}
    equal(shown["summary"], "what stands", "what the field shows")
    scene.end()


# ---- a hub against a device ----

def _welcome(scopes=(), yours=(), verdict=1, position=0):
    return fold.encode([2, 1, "false hub", os.urandom(16), os.urandom(16), position, bytes(16),
                        int(time.time() * 1000), list(yours), list(scopes), verdict,
                        [4096, 1 << 20], 1])


def a_hub_that_lies_is_left_and_nothing_counts_as_sent(world):
    hub, rees = world.pair("rees")
    record = rees.put("crime", "summary=kept")
    in_sync(hub, rees)
    port = hub.ports()[0]
    hub.stop()
    rees.put("crime", "summary=not sent")
    false_hub = wire.FalseHub(hub.data, port)
    lies = [  # (what, what is said after HELLO, the numbers of ERROR that may answer; None: any)
        ("an ACK of what was never sent", [_welcome(), fold.encode(
            [11, [[0, lane, 999, 999, 0] for lane in (3,)], []])], None),
        ("WELCOME twice", [_welcome(), _welcome()], None),
        ("ENTRIES that nobody asked for", [_welcome(), fold.encode([4, []])], (104,)),
        ("a FEED from elsewhere", [_welcome(), fold.encode([12, 77, 78, bytes(16), []])], None),
        ("a feed of an origin without a name", [_welcome(), fold.encode(
            [12, 0, 1, bytes(16), [[5, 3, [honest.body(1, 2)]]]])], None)]
    bombs = list(attacks.bombs()) if LONG else list(attacks.bombs())[::4]
    lies += [(name, [_welcome(), message], numbers) for name, message, numbers in bombs]
    for what, frames, numbers in lies:
        rees.stop()
        rees.start()
        link = false_hub.accept()
        equal(link.frame()[0], honest.HELLO, f"{what}: the first frame up")
        for frame in frames:
            link.send(frame)
        said = [frame for frame in link.until_closed() if frame[0] in (wire.ERROR, wire.BYE)]
        expect(said and said[-1][0] == wire.ERROR, f"{what}: ERROR was due, and there came {said}")
        if numbers:
            expect(said[-1][1] in numbers, f"{what}: one of {numbers} was due, not {said}")
        equal(rees.ask("status")["waiting"], 1, f"{what}: entries that wait")
    false_hub.close()
    equal(rees.command("get", record)[0], 0, "the record is still there")
    equal(rees.ask("verify")["faults"], 0, "faults in the device's store")
    hub.start()
    rees.stop()
    rees.start()
    in_sync(hub, rees)


def a_hub_that_says_nothing_keeps_no_officer_waiting(world):
    hub, rees = world.pair("rees")
    port = hub.ports()[0]
    hub.stop()
    silent = socket.create_server(("127.0.0.1", port))
    silent.settimeout(0.2)
    held, ended = [], threading.Event()

    def take():
        while not ended.is_set():
            try:
                held.append(silent.accept())
            except TimeoutError:
                pass
    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    rees.stop()
    rees.start()
    for dials in range(1, 1 + TRIES):  # a slow machine may take longer than one dial lasts
        wait_until(lambda n=dials: len(held) >= n, PATIENCE, "the device dials")
        begun = rees.log_size()
        record = rees.put("crime", "summary=while the hub is silent")
        equal(rees.ask("get", record)["saved"], "device", "where it is safe")
        waited = "dial-failed" in rees.log(begun)
        if not waited:
            break
    expect(not waited, "the officer waited for the hub: until the dial was given up")
    if LONG:
        wait_until(lambda: len(held) > dials, PATIENCE, "the device gives up, and dials again")
    ended.set()
    taker.join()
    for stream in (silent, *(stream for stream, _ in held)):
        stream.close()
    hub.start()
    in_sync(hub, rees)
