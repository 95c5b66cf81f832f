"""Two devices that only do their work, spoken by hand, to tell how long the hub takes while somebody
else misbehaves: one writes an entry at a time, the other waits for it.

Why by hand: what is measured is the hub, on both its sides of a write (the ACK to the author, the FEED
to the reader), and not how fast a program starts."""
import os
import socket
import threading
import time

import fold
import wire

HELLO, WELCOME, PUSH, ACK, FEED, FEED_ACK = 1, 2, 10, 11, 12, 13
PING, PONG, PROBE, PROBED = 50, 51, 52, 53
PAUSE = 0.004  # between two writes


def hello(incarnation, logs=(), resume=None):
    return fold.encode([HELLO, 1, 1, "by hand", [[incarnation, list(logs)]], 0, resume, 1 << 40, 0])


def body(seq, scope, pseq=None, ops=None, record=None, kind=16):
    """An entry of one part: a crime with a summary, a record of its own for each seq."""
    ops = [[27, [], "summary"]] if ops is None else ops
    record = record or b"\x01\x92" + os.urandom(6) + seq.to_bytes(8, "big")
    part = bytes(8) + fold.encode([kind, record, [], ops])
    pseq = seq - 1 if pseq is None else pseq
    return [seq, pseq, scope, (1571659200000 + seq) << 16, 3, 1, "by hand", None, [part]]


class Device:
    """A session spoken by hand that has been welcomed."""

    def __init__(self, port, data, resume=None, incarnation=None):
        self.incarnation = incarnation or os.urandom(16)
        self.link = wire.dial(port, data)
        self.link.send(hello(self.incarnation, resume=resume))
        self.welcome = self.link.frame()
        if self.welcome[0] != WELCOME:
            raise wire.Closed(f"no WELCOME but {self.welcome}")
        self.scopes = {name: number for number, name, _ in self.welcome[9]}
        self.seq = 0

    def push(self, *bodies, lane=3):
        self.link.send(fold.encode([PUSH, 0, lane, list(bodies)]))

    def serve(self, frame):
        """What a frame asks of any device."""
        if frame[0] == FEED:
            self.link.send(fold.encode([FEED_ACK, frame[2]]))
        elif frame[0] == PING:
            self.link.send(fold.encode([PONG, frame[1], 0]))

    def until(self, kind):
        while True:
            frame = self.link.frame()
            self.serve(frame)
            if frame[0] == kind:
                return frame


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Pair:
    """`writer` and `reader` are data directories of devices whose programs do not run. The writer
    belongs to the thread that calls, the reader to one of its own: TLS connections are not shared."""

    def __init__(self, port, writer, reader, scope):
        self.writer, self.reader = Device(port, writer), Device(port, reader)
        self.scope = self.writer.scopes[scope]
        self.fed, self.trouble, self.ended = {}, [], threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            while True:
                frame = self.reader.link.frame()
                now = time.monotonic()
                if frame[0] == FEED:
                    for _, lane, bodies in frame[4]:
                        for entry in bodies:
                            if lane == 3 and entry[2] == self.scope:
                                self.fed.setdefault(entry[0], now)
                self.reader.serve(frame)
        except (wire.Closed, OSError, ValueError) as trouble:
            if not self.ended.is_set():
                self.trouble.append(f"the reader: {trouble}")

    def one(self):
        """One write, durable and at the reader: milliseconds."""
        self.writer.seq += 1
        seq = self.writer.seq
        sent = time.monotonic()
        self.writer.push(body(seq, self.scope))
        durable = 0
        while durable < seq:
            durable = max([durable] + [log[2] for log in self.writer.until(ACK)[1] if log[1] == 3])
        acked = time.monotonic()
        while seq not in self.fed:
            if self.trouble or time.monotonic() > sent + wire.SECONDS:
                raise wire.Closed(f"write {seq} did not reach the reader; {self.trouble}")
            time.sleep(0.0002)
        return 1000 * (max(acked, self.fed[seq]) - sent)

    def write(self, seconds):
        """Writes for so long; the milliseconds of each."""
        until = time.monotonic() + seconds
        took = []
        while not took or time.monotonic() < until:
            took.append(self.one())
            time.sleep(PAUSE)
        return took

    def close(self):
        self.ended.set()
        self.reader.link.stream.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        self.thread.join()
        for device in (self.writer, self.reader):
            device.link.close()
