"""The wire spoken by hand: TLS and RFC 6455 with the standard library, and frames as bytes.

Why: the real programs never send what is malformed, so somebody has to."""
import base64
import hashlib
import os
import socket
import ssl
import struct
import zlib
from pathlib import Path

import fold

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOL = "holdfast.1"
ERROR, BYE, Z = 62, 63, 60
DICTIONARY = Path(__file__).resolve().parents[2] / "sync" / "dictionary.bin"
SECONDS = 60


def masked_with(mask, payload):
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


class Closed(Exception):
    """The other side ended the connection."""


class Socket:
    """A websocket over TLS; one message at a time."""

    def __init__(self, stream, is_client):
        self.stream, self.is_client, self.held = stream, is_client, b""

    def take(self, size):
        while len(self.held) < size:
            try:
                more = self.stream.recv(65536)
            except (ConnectionError, ssl.SSLError) as trouble:
                raise Closed(str(trouble)) from trouble
            if not more:
                raise Closed("end of stream")
            self.held += more
        taken, self.held = self.held[:size], self.held[size:]
        return taken

    def send(self, payload, opcode=2):
        size = len(payload)
        masked = 0x80 if self.is_client else 0
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([masked | size])
        elif size < 65536:
            head += bytes([masked | 126]) + struct.pack(">H", size)
        else:
            head += bytes([masked | 127]) + struct.pack(">Q", size)
        if self.is_client:
            mask = os.urandom(4)
            head += mask
            payload = masked_with(mask, payload)
        self.stream.sendall(head + payload)

    def receive(self):
        """The next binary message; pings are answered. Closed when the other side closes."""
        message = b""
        while True:
            first, second = self.take(2)
            size = second & 0x7f
            if size == 126:
                size = struct.unpack(">H", self.take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.take(8))[0]
            mask = self.take(4) if second & 0x80 else None
            payload = self.take(size)
            if mask:
                payload = masked_with(mask, payload)
            opcode = first & 0x0f
            if opcode == 8:
                self.send(payload, opcode=8)
                raise Closed("closed by the other side")
            if opcode == 9:
                self.send(payload, opcode=10)
            if opcode in (0, 2):
                message += payload
                if first & 0x80:
                    return message

    def frame(self):
        """The next frame, taken apart: [type, ...]"""
        items = fold.cbor(self.receive())[0]
        if items[0] != Z:
            return items
        inflate = zlib.decompressobj(-15, zdict=DICTIONARY.read_bytes())
        return fold.cbor(inflate.decompress(items[3]))[0]

    def until_closed(self):
        """Every frame that still comes."""
        frames = []
        try:
            while True:
                frames.append(self.frame())
        except Closed:
            self.close()
            return frames

    def close(self):
        self.stream.close()


def tls_client(port, device=None):
    """A TLS connection to the hub, as `device` (a data directory) or as nobody. The hub's own
    certificate is not judged here: that is the real device's work."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if device:
        context.load_cert_chain(device / "certificate.pem", device / "key.pem")
    raw = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    # As libwebsockets does: else an answer waits 40 ms for word that the one before it came.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname="localhost")


def read_head(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        more = stream.recv(1)
        if not more:
            raise Closed(f"no answer but {head!r}")
        head += more
    return head


def dial(port, device=None):
    """A websocket session to the hub. Closed when the hub does not want one."""
    try:
        stream = tls_client(port, device)
        key = base64.b64encode(os.urandom(16)).decode()
        stream.sendall((f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
                        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n"
                        "\r\n").encode())
        head = read_head(stream)
    except (ConnectionError, ssl.SSLError) as trouble:
        raise Closed(str(trouble)) from trouble
    if not head.startswith(b"HTTP/1.1 101"):
        raise Closed(head.split(b"\r\n")[0].decode())
    return Socket(stream, is_client=True)


def take_upgrade(stream):
    """Answers a client that asks for a session: the hub's end of it."""
    head = read_head(stream).decode()
    key = next(line.split(": ", 1)[1] for line in head.split("\r\n")
               if line.lower().startswith("sec-websocket-key"))
    answer = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
    stream.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {answer}\r\n"
                    f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n").encode())
    return Socket(stream, is_client=False)


class FalseHub:
    """Listens where the hub did, with the hub's own key or another pair, and says what it is told
    to."""

    def __init__(self, hub_data, port, pair=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate if pair else hub_data / "certificate.pem",
                                     pair.key if pair else hub_data / "key.pem")
        self.context.load_verify_locations(hub_data / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(2 * SECONDS)

    def accept(self):
        """The next dial that is meant: one that a device began before it was ended is passed over."""
        while True:
            raw, _ = self.listener.accept()
            raw.settimeout(SECONDS)
            try:
                return take_upgrade(self.context.wrap_socket(raw, server_side=True))
            except (ssl.SSLEOFError, ConnectionError):
                raw.close()

    def close(self):
        self.listener.close()
