"""What a hostile peer does, each in a process of its own, at the lowest priority once it has begun: a
real one would not share our processor.

    attacks.py NAME SECONDS SESSION_PORT ENROL_PORT DATA

DATA is the directory of an enrolled device, whose key the attacker has. Says "begun" once it has done
something, and goes on for so long, or until its standard input ends; then prints what it did as JSON."""
import json
import os
import select
import socket
import ssl
import sys
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
import fold  # pylint: disable=wrong-import-position
import honest  # pylint: disable=wrong-import-position
import wire  # pylint: disable=wrong-import-position

TROUBLE = (wire.Closed, OSError, ssl.SSLError)
SILENT = 300  # connections that say nothing
OVERDUE = 12  # seconds after which a stranger has been let go ...
PATIENCE = 60  # ... and so long for a machine that is slow
SCOPE = "beds/other"  # where the attacker may write


def deflated(raw, **options):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zdict=options.get(
        "dictionary", wire.DICTIONARY.read_bytes()))
    return squeeze.compress(raw) + squeeze.flush()


def bombs():
    """(name, message, numbers of ERROR that may answer it)"""
    deep = b"\x81" * 100000
    tiny = fold.encode([50, 0])[:0] + b"\x99\xff\xff" + b"\x00" * 65535
    zeros = deflated(b"\x82\x18\x32\x00" + bytes(1 << 20))
    ping = fold.encode([50, 7])
    yield "deep nesting", b"\x82\x01" + deep, (101, 103)
    yield "an array of 2^64-1", b"\x9b" + b"\xff" * 8, (101, 103)
    yield "an array of 2^32 origins", b"\x89\x01\x01\x01\x60\x9a\xff\xff\xff\xff", (101, 103)
    yield "bytes of 2^62", b"\x82\x01\x5b\x3f" + b"\xff" * 7, (101,)
    yield "many tiny items", tiny, (101, 103)
    yield "65,535 origins", b"\x89\x01\x01\x01\x60\x99\xff\xff" + b"\x80" * 65535, (101, 103)
    yield "a million zeros", fold.encode([60, 1, 1 << 20, zeros]), (103,)
    yield "a lie: more than said", fold.encode([60, 1, 100, deflated(bytes(5000))]), (101, 103)
    yield "a lie: less than said", fold.encode([60, 1, 200, deflated(ping)]), (101, 103)
    yield "a cut stream", fold.encode([60, 1, 500, deflated(os.urandom(500))[:-40]]), (101,)
    yield "bytes behind the stream", fold.encode([60, 1, len(ping), deflated(ping) + b"xx"]), (101,)
    yield "a reach before the window", fold.encode(
        [60, 1, 64, deflated(b"A" * 32 + b"B" * 32, dictionary=os.urandom(32000) + b"A" * 32)]), (101,)
    yield "no such dictionary", fold.encode([60, 2, len(ping), deflated(ping)]), (101,)
    inner = fold.encode([60, 1, len(ping), deflated(ping)])
    yield "a Z in a Z", fold.encode([60, 1, len(inner), deflated(inner)]), (101,)
    nest = b"\x82\x01" + b"\x81" * 4000
    yield "deep in a Z", fold.encode([60, 1, len(nest), deflated(nest)]), (101, 103)


class Attacker:
    def __init__(self, seconds, port, enrol, data):
        self.until = time.monotonic() + seconds
        self.port, self.enrol, self.data = port, enrol, data
        self.done = {}

    def going(self):
        is_heard = not select.select([sys.stdin], [], [], 0)[0]
        return not self.done or (is_heard and time.monotonic() < self.until)

    def count(self, what, more=1):
        if not self.done:
            print("begun", flush=True)
            os.nice(19)
        self.done[what] = self.done.get(what, 0) + more

    def again(self, act):
        """Until the time is up; `act` may be thrown out at any moment."""
        while self.going():
            try:
                act()
            except TROUBLE:
                self.count("thrown out")
                time.sleep(0.01)

    def device(self):
        return honest.Device(self.port, self.data)

    # ---- bytes ----

    def bombs(self):
        def one_round():
            for _, message, _ in bombs():
                if self.going():
                    link = wire.dial(self.port, self.data)
                    link.send(message)
                    link.until_closed()
                    self.count("bombs")
        self.again(one_round)

    # ---- silence ----

    def hold(self, opened, dribble):
        """Keeps connections open, sending what `dribble` gives for each, once a second."""
        while self.going():
            for stream, _ in opened:
                try:
                    dribble(stream)
                except TROUBLE:
                    pass
            time.sleep(1)
        self.tell(opened)

    def tell(self, opened):
        """How many live, and how many of these should have been let go by now."""
        now = time.monotonic()
        due = [stream for stream, since in opened if now - since > OVERDUE]
        self.done["open"] = sum(is_open(stream) for stream, _ in opened)
        while any(is_open(stream) for stream in due) and time.monotonic() < now + PATIENCE:
            time.sleep(0.1)
        self.done["overdue"] = sum(is_open(stream) for stream in due)

    def open_many(self, port, make, count):
        opened = []
        while len(opened) < count and self.going():
            try:
                opened.append((make(port), time.monotonic()))
                self.count("opened")
            except TROUBLE:
                self.count("refused")
                time.sleep(0.01)
        return opened

    def say_nothing(self):
        """TCP alone, on both ports."""
        make = lambda port: socket.create_connection(("127.0.0.1", port), timeout=1)
        self.hold(self.open_many(self.port, make, SILENT) + self.open_many(self.enrol, make, SILENT),
                  lambda stream: None)

    def hello_by_the_byte(self):
        """A TLS hello that comes a byte a second."""
        make = lambda port: socket.create_connection(("127.0.0.1", port), timeout=1)
        self.hold(self.open_many(self.port, make, SILENT) + self.open_many(self.enrol, make, SILENT),
                  lambda stream: stream.send(b"\x16"))

    def request_by_the_byte(self):
        """TLS is done, and the HTTP request comes a byte a second; the body of a POST too."""
        def slow_post(port):
            stream = wire.tls_client(port)
            stream.sendall(b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
            return stream
        def slow_head(port):
            stream = wire.tls_client(port, self.data if port == self.port else None)
            stream.sendall(b"GET / HTTP/1.1\r\nX: ")
            return stream
        opened = self.open_many(self.enrol, slow_post, SILENT // 5)
        opened += self.open_many(self.port, slow_head, SILENT // 5)
        self.hold(opened, lambda stream: stream.send(b"x"))

    def never_hello(self):
        """A websocket that never says HELLO; one device has one session, so they follow each other."""
        opened = []
        while self.going():
            try:
                opened.append((wire.dial(self.port, self.data).stream, time.monotonic()))
                self.count("opened")
            except TROUBLE:
                self.count("refused")
            time.sleep(0.05)
        self.tell(opened)

    # ---- floods ----

    def pings(self):
        def flood():
            device = self.device()
            device.link.stream.settimeout(2)
            for _ in range(1000):
                for at in range(200):
                    device.link.send(fold.encode([50, at]))
                    self.count("pings")
                device.until(honest.PONG)
                if not self.going():
                    return
        self.again(flood)

    def frames(self):
        """Frames that mean nothing, of a type that is to be ignored, as large as they may be."""
        junk = fold.encode([200, bytes(250000)])
        def flood():
            device = self.device()
            while self.going():
                device.link.send(junk)
                self.count("frames")
        self.again(flood)

    def websocket_pings(self):
        def flood():
            device = self.device()
            while self.going():
                for _ in range(100):
                    device.link.send(b"x" * 100, opcode=9)
                self.count("pings", 100)
        self.again(flood)

    def connects(self):
        """Handshakes and nothing else, with the key and without one."""
        def flood():
            try:
                wire.tls_client(self.port, self.data).close()
            finally:
                self.count("handshakes")
        self.again(flood)

    def enrolments(self):
        request = b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + bytes(100)
        def flood():
            stream = wire.tls_client(self.enrol)
            stream.sendall(request)
            answer = stream.recv(100)
            self.count(answer.split(b" ")[1].decode() if answer else "closed")
            stream.close()
        self.again(flood)

    # ---- an enrolled device that is against us ----

    def big_entries(self):
        """Entries of the largest size, as fast as they are taken, in every lane at once."""
        ops = [[at, [], os.urandom(15 * 1024)] for at in range(1, 5)]
        def flood():
            device = self.device()
            scope, seq = device.scopes[SCOPE], 0
            while self.going():
                # pseq counts over all lanes' logs apart: each lane is a log of its own
                for lane in range(1, 7):
                    device.push(*[honest.body(seq + at, scope, ops=ops, kind=900 + lane)
                                  for at in range(1, 4)], lane=lane)
                    self.count("entries", 3)
                seq += 3
                owed = set(range(1, 7))
                while owed:
                    owed -= {log[1] for log in device.until(honest.ACK)[1] if log[2] >= seq}
        self.again(flood)

    def small_entries(self):
        def flood():
            device = self.device()
            scope, seq = device.scopes[SCOPE], 0
            while self.going():
                device.push(*[honest.body(seq + at, scope) for at in range(1, 251)])
                seq += 250
                self.count("entries", 250)
                while max(log[2] for log in device.until(honest.ACK)[1]) < seq:
                    pass
        self.again(flood)

    def many_records(self):
        """Entries of 256 parts, each a record of its own."""
        def flood():
            device = self.device()
            scope, seq = device.scopes[SCOPE], 0
            while self.going():
                bodies = []
                for _ in range(8):
                    seq += 1
                    parts = [bytes(8) + fold.encode([16, os.urandom(16), [], [[27, [], "x"]]])
                             for _ in range(256)]
                    bodies.append([seq, seq - 1, scope, seq << 16, 3, 1, "x", None, parts])
                device.push(*bodies)
                self.count("records", 8 * 256)
                while max([0] + [log[2] for log in device.until(honest.ACK)[1]]) < seq:
                    pass
        self.again(flood)

    def probes(self):
        """Each is to be answered when what came before it is durable: a transaction, with nothing in it."""
        def flood():
            device = self.device()
            at = 0
            while self.going():
                for _ in range(50):
                    at += 1
                    device.link.send(fold.encode([honest.PROBE, at, 1, 0, 0, 0, 1, [], []]))
                self.count("probes", 50)
                while device.until(honest.PROBED)[1] < at:
                    pass
        self.again(flood)

    def sessions(self):
        """All that a session is given at once, and then another session."""
        def flood():
            device = self.device()
            scope, seq = device.scopes[SCOPE], 0
            for _ in range(16):
                device.push(*[honest.body(seq + at, scope) for at in range(1, 251)])
                seq += 250
            while max(log[2] for log in device.until(honest.ACK)[1]) < 3500:
                pass
            device.link.close()
            self.count("sessions")
        self.again(flood)

    def withheld_entries(self):
        """Entries in a scope that it may not write in: each makes the hub write verdicts."""
        def flood():
            device = self.device()
            seq = 0
            while self.going():
                device.push(*[honest.body(seq + at, 77) for at in range(1, 201)])
                seq += 200
                self.count("entries", 200)
                while max([0] + [log[2] for log in device.until(honest.ACK)[1]]) < seq:
                    pass
        self.again(flood)

    def forged_citations(self):
        """One field of one record, thousands of dots that do not exist cited with each write."""
        record = b"\x01\x93" + bytes(14)
        def flood():
            device = self.device()
            scope, seq, fake = device.scopes[SCOPE], 0, 1
            while self.going():
                seq += 1
                ops = []
                for at in range(20):
                    cites = [[1, fake + 256 * at + number, b"\x01\x02\x03\x04"]
                             for number in range(256)]
                    ops.append([30 + at, cites, "x"])
                fake += 20 * 256
                part = bytes(8) + fold.encode([16, record, [[bytes([9] * 16), 3]], ops])
                device.push([seq, seq - 1, scope, seq << 16, 3, 1, "x", None, [part]])
                self.count("citations", 20 * 256)
                device.until(honest.ACK)
        self.again(flood)

    def one_field(self):
        """One field of one record, and no write sees another: all stay live."""
        record = b"\x01\x94" + bytes(14)
        def flood():
            device = self.device()
            scope, seq = device.scopes[SCOPE], 0
            while self.going():
                device.push(*[honest.body(seq + at, scope, record=record,
                                          ops=[[27, [], f"value {seq + at}"]])
                              for at in range(1, 101)])
                seq += 100
                self.count("writes", 100)
                while max([0] + [log[2] for log in device.until(honest.ACK)[1]]) < seq:
                    pass
        self.again(flood)

    def origins(self):
        """64 incarnations in each HELLO, never the same."""
        def flood():
            link = wire.dial(self.port, self.data)
            claims = [[os.urandom(16), []] for _ in range(64)]
            link.send(fold.encode([1, 1, 1, "by hand", claims, 0, None, 1 << 40, 0]))
            frame = link.frame()
            self.count("origins" if frame[0] == honest.WELCOME else f"refused {frame[1]}", 64)
            link.close()
        self.again(flood)

    def never_read(self):
        """Asks for all there is and reads none of it; then pings, whose answers it does not read."""
        def flood():
            link = wire.dial(self.port, self.data)
            link.send(honest.hello(os.urandom(16)))
            link.stream.settimeout(1)
            self.count("sessions")
            while self.going():
                for at in range(100):
                    link.send(fold.encode([50, at]))
                self.count("pings", 100)
                time.sleep(0.01)
        self.again(flood)


def is_open(stream):
    stream.settimeout(0.01)
    try:
        while True:
            if stream.recv(4096) == b"":
                return False
    except (socket.timeout, TimeoutError, ssl.SSLWantReadError):
        return True
    except TROUBLE:
        return False


def main():
    wire.SECONDS = 10  # who gets no answer tries something else
    os.nice(19)  # it stands for another machine: what it takes is the hub's time, not the pair's
    name, seconds, port, enrol, data = sys.argv[1:]
    attacker = Attacker(float(seconds), int(port), int(enrol), Path(data))
    getattr(attacker, name)()
    print(json.dumps(attacker.done))


if __name__ == "__main__":
    main()
