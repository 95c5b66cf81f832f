"""What each listener, and each of our clients, does with whatever TLS may bring: one printed cell for each.

The other side is Python's ssl or `openssl s_client`, both of which show and skip what our own programs
never would; where the hub is the one to be judged, the other side is a false hub and the judge is ours.
docs/protocol.md 9 has the table."""
import base64
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings

import fold
import mint
import wire
from world import SECONDS, equal, expect, in_sync, wait_until

SESSION, REFUSED, FORBIDDEN = "session", "refused by TLS", "403"
EXPIRED = "session, to upload and renew"
TWO, THREE = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMES = {TWO: "1.2", THREE: "1.3"}
BOTH = "serverAuth,clientAuth"
PAST, FUTURE = (mint.date(-400), mint.date(-30)), (mint.date(30), mint.date(400))


def _cell(listener, what, how, found, wanted):
    print(f"   {listener:10} | {what:46} | {how:12} | {found}", flush=True)
    equal(found, wanted, f"{listener}: {what} ({how})")


# ---- the far side by Python ----

def _context(pair=None, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions are what is being tried
            context.minimum_version = context.maximum_version = version
        if version < TWO:
            context.set_ciphers("ALL:@SECLEVEL=0")
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


def _handshake(port, context, session=None, name="localhost"):
    raw = socket.create_connection(("127.0.0.1", port), timeout=wire.SECONDS)
    return context.wrap_socket(raw, server_hostname=name, session=session)


def _upgrade():
    key = base64.b64encode(os.urandom(16)).decode()
    return ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {wire.PROTOCOL}\r\n\r\n").encode()


def _is_expired(stream):
    """Says HELLO as a new device; the verdict of WELCOME tells."""
    link = wire.Socket(stream, is_client=True)
    link.send(fold.encode([1, 1, 1, "by hand", [[bytes(16), []]], 0, None, 1 << 40, 0]))
    return link.frame()[10] == 4


def _dial(port, context, session=None, name="localhost"):
    """(outcome, session, was it resumed) at the session listener."""
    try:
        stream = _handshake(port, context, session, name)
        stream.sendall(_upgrade())
        head = wire.read_head(stream)
    except (OSError, wire.Closed):
        return REFUSED, None, False
    resumed, kept = stream.session_reused, stream.session
    outcome = head.split(b" ")[1].decode()
    if outcome == "101":
        outcome = EXPIRED if _is_expired(stream) else SESSION
    stream.close()
    return outcome, kept, resumed


def _ask_ca(port, context, session=None, name="localhost"):
    """(HTTP status or refusal, session, was it resumed) at the enrolment listener."""
    try:
        stream = _handshake(port, context, session, name)
        stream.sendall(b"GET /ca HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = wire.read_head(stream)
    except (OSError, wire.Closed):
        return REFUSED, None, False
    resumed, kept = stream.session_reused, stream.session
    stream.close()
    return head.split(b" ")[1].decode(), kept, resumed


# ---- the far side by openssl s_client ----

class SClient:
    """`openssl s_client`, spoken to as it runs; all that it says is in `said`."""

    def __init__(self, port, *words):
        self.said = ""
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def say(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def hear(self, *patterns, seconds=wire.SECONDS):
        """Reads until one of them has been said, or the program ends; returns which, or None."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for pattern in patterns:
                if re.search(pattern, self.said):
                    return pattern
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                more = os.read(self.process.stdout.fileno(), 65536)
                if not more:
                    return next((pattern for pattern in patterns if re.search(pattern, self.said)),
                                None)
                self.said += more.decode("utf-8", "replace")
        raise AssertionError(f"openssl said nothing more after {self.said!r}")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _s_client(port, request, *words):
    """The HTTP status that it is given, or that it was refused."""
    client = SClient(port, "-servername", "localhost", "-quiet", *words)
    client.say(request)
    heard = client.hear(r"HTTP/1.1 (\d+)", ":error:", "alert")
    client.end()
    found = re.search(r"HTTP/1.1 (\d+)", client.said)
    if not found:
        expect(heard or "BEGIN" not in client.said, f"openssl said {client.said!r}")
        return REFUSED
    return SESSION if found[1] == "101" else found[1]


# ---- who may open a session ----

def _clients(world, hub, rees, okafor):
    """(what is shown, pair, outcome); rees' key is known to the hub, and so is okafor's."""
    ours, theirs = mint.Mint.of(hub, world.directory / "ours"), mint.Mint(world.directory / "theirs")
    key, other_key = rees.data / "key.pem", okafor.data / "key.pem"
    below = ours.below(world.directory / "below")
    return [
        ("its own certificate", mint.Pair(rees.data / "certificate.pem", key), SESSION),
        ("no certificate", None, REFUSED),
        ("another CA's, for a known key", theirs.issue(key, "rees"), REFUSED),
        ("self-signed, for a known key", mint.Mint.self_signed(ours, key, "rees"), REFUSED),
        ("expired, for a known key", ours.issue(key, "rees", PAST), EXPIRED),
        ("not yet valid, for a known key", ours.issue(key, "rees", FUTURE), EXPIRED),
        ("an unknown key", ours.issue(name="stranger"), FORBIDDEN),
        ("an unknown key, a device's name as CN", ours.issue(name="rees"), FORBIDDEN),
        ("an unknown key, two CNs in one", ours.issue(name="x\\/CN=rees"), FORBIDDEN),
        ("an unknown key, the hub's names as SAN",
         ours.issue(names="DNS:localhost,IP:127.0.0.1", name="localhost"), FORBIDDEN),
        ("a known key, another device's name as CN", ours.issue(other_key, "rees"), SESSION),
        ("for servers only, a known key", ours.issue(key, "rees", use="serverAuth"), REFUSED),
        ("for no stated use, a known key", ours.issue(key, "rees", use=None), FORBIDDEN),
        ("for code signing, a known key", ours.issue(key, "rees", use="codeSigning"), REFUSED),
        ("the hub's own", mint.Pair(hub.data / "certificate.pem", hub.data / "key.pem"), REFUSED),
        ("the CA's own", mint.Pair(hub.data / "ca.pem", hub.data / "ca-key.pem"), REFUSED),
        ("below an extra CA, a known key", below.chained(below.issue(key, "rees")), REFUSED),
    ]


def every_certificate_that_opens_a_session_and_every_one_that_does_not(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    rees.stop()
    okafor.stop()
    port = hub.ports()[0]
    for what, pair, wanted in _clients(world, hub, rees, okafor):
        shown = ("-cert", pair.certificate, "-key", pair.key) if pair else ()
        if pair and "below" in what:
            shown += ("-cert_chain", pair.certificate)
        for version in (TWO, THREE):
            _cell("session", what, f"python {NAMES[version]}",
                  _dial(port, _context(pair, version))[0], wanted)
            found = _s_client(port, _upgrade(), f"-tls{NAMES[version].replace('.', '_')}", *shown)
            _cell("session", what, f"openssl {NAMES[version]}", found,
                  SESSION if wanted == EXPIRED else wanted)
    keys = set(re.findall(r"device-up key=(\w+) ", hub.log()))
    equal(len(keys), 2, f"the keys that the hub took for devices: {keys}")
    rees.start()
    in_sync(hub, rees)


def a_name_in_a_certificate_is_nobodys_identity(world):
    """Okafor's key with rees' name on it is okafor, and may write what okafor may."""
    hub, rees, okafor = world.pair("rees", "okafor")
    okafor.stop()
    pair = mint.Mint.of(hub, world.directory / "ours").issue(okafor.data / "key.pem", "rees")
    begun = hub.log_size()
    equal(_dial(hub.ports()[0], _context(pair))[0], SESSION, "the outcome")
    rows = {row["name"]: row["key_id"][:8] for row in hub.ask("devices")["devices"]}
    up = re.findall(r"device-up key=(\w+)", hub.log(begun))
    equal(up, [rows["okafor"]], "whom the hub took it for")
    in_sync(hub, rees)  # whose session goes on


# ---- versions, names, protocols ----

def every_version_name_and_protocol_at_both_listeners(world):
    hub, rees = world.pair("rees")
    rees.stop()
    session, enrol = hub.ports()
    pair = mint.Pair(rees.data / "certificate.pem", rees.data / "key.pem")
    shown = ("-cert", pair.certificate, "-key", pair.key)
    stranger = mint.Mint(world.directory / "theirs").issue()
    ask = b"GET /ca HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for version, name in ((ssl.TLSVersion.TLSv1, "1"), (ssl.TLSVersion.TLSv1_1, "1_1"),
                          (TWO, "1_2"), (THREE, "1_3")):
        is_old = version < TWO
        what, old = f"TLS {name.replace('_', '.')}", ("-cipher", "ALL:@SECLEVEL=0")
        for listener, port, found, good in (
                ("session", session, _dial(session, _context(pair, version))[0], SESSION),
                ("enrolment", enrol, _ask_ca(enrol, _context(None, version))[0], "200")):
            wanted = REFUSED if is_old else good
            _cell(listener, what, "python", found, wanted)
            by_openssl = _s_client(port, _upgrade() if port == session else ask, f"-tls{name}",
                                   *(shown if port == session else ()), *(old if is_old else ()))
            _cell(listener, what, "openssl", by_openssl, wanted)
    for what, name in (("no SNI", None), ("the SNI of somebody else", "elsewhere.example")):
        _cell("session", what, "python", _dial(session, _context(pair), name=name)[0], SESSION)
        _cell("session", f"{what}, no certificate", "python",
              _dial(session, _context(), name=name)[0], REFUSED)
        _cell("enrolment", what, "python", _ask_ca(enrol, _context(), name=name)[0], "200")
    for what, shows in (("a certificate of another CA", stranger), ("a device's", pair)):
        _cell("enrolment", what, "python", _ask_ca(enrol, _context(shows))[0], "200")
    for protocols, wanted in ((["http/1.1"], SESSION), (["h2", "http/1.1"], SESSION)):
        context = _context(pair)
        context.set_alpn_protocols(protocols)
        _cell("session", f"ALPN {' '.join(protocols)}", "python", _dial(session, context)[0], wanted)
    for listener, port in (("session", session), ("enrolment", enrol)):
        context = _context(pair)
        context.set_alpn_protocols(["h2"])
        spoken = _handshake(port, context).selected_alpn_protocol()
        _cell(listener, "ALPN h2 alone", "python", f"{spoken or 'none'} agreed", "none agreed")


def renegotiation_is_refused_at_both_listeners(world):
    hub, rees = world.pair("rees")
    rees.stop()
    shown = ("-cert", rees.data / "certificate.pem", "-key", rees.data / "key.pem")
    for listener, port, words in (("session", hub.ports()[0], shown), ("enrolment",
                                                                       hub.ports()[1], ())):
        client = SClient(port, "-tls1_2", *words)
        expect(client.hear("Verify return code"), f"{listener}: no connection: {client.said}")
        client.hear("---\n$")
        client.say(b"R\n")
        found = client.hear("no renegotiation", ":error:", "closed", "RENEGOTIATING\n.*depth")
        client.end()
        _cell(listener, "renegotiation, asked by the client", "openssl 1.2",
              REFUSED if found in ("no renegotiation", ":error:", "closed") else "done", REFUSED)


# ---- resumption ----

def _resumes(world, hub, rees, okafor, version):
    port, how = hub.ports()[0], f"python {NAMES[version]}"
    pair = mint.Pair(rees.data / "certificate.pem", rees.data / "key.pem")
    other = mint.Pair(okafor.data / "certificate.pem", okafor.data / "key.pem")
    names = {row["key_id"][:8]: row["name"] for row in hub.ask("devices")["devices"]}

    def cell(what, context, session, wanted):
        begun = hub.log_size()
        outcome, kept, resumed = _dial(port, context, session)
        taken = [f"{names[key]}, {tls}" for key, tls in
                 re.findall(r"device-up key=(\w+) status=\S+ tls=(\w+)", hub.log(begun))]
        found = outcome if outcome != SESSION else f"{outcome} of {' '.join(taken)}"
        found += " (resumed)" if resumed and outcome != SESSION else ""
        _cell("session", what, how, found, wanted)
        return kept
    context = _context(pair, version)
    session = cell("the first time", context, None, "session of rees, full")
    session = cell("resumed", context, session, "session of rees, resumed")
    context.load_cert_chain(other.certificate, other.key)
    cell("resumed, another device's certificate at hand", context, session,
         "session of rees, resumed")  # it is the session that counts: nothing of okafor's is gained
    hub.must("revoke", "rees", "--reason", "lost")
    cell("resumed after revocation", context, session, f"{FORBIDDEN} (resumed)")
    cell("anew, by the other device", context, None, "session of okafor, full")
    _, theirs, _ = _dial(port, context)
    hub.stop()
    hub.start()
    port = hub.ports()[0]
    cell("resumed after the hub's restart", context, theirs, "session of okafor, full")
    cell("resumed after revocation and restart", context, session, "session of okafor, full")


def a_resumed_session_gains_nothing(world):
    for version in (TWO, THREE):
        hub = world.make_hub(f"hub-{NAMES[version]}")
        rees, okafor = (world.make_device(f"{name}-{NAMES[version]}", start=False)
                        for name in ("rees", "okafor"))
        for device, name in ((rees, "rees"), (okafor, "okafor")):
            device.must("enrol", "--token-file", "-", feed=hub.token(name, "beds/street"))
        _resumes(world, hub, rees, okafor, version)


def a_session_without_its_certificate_dies_with_the_hub_and_never_crosses_listeners(world):
    hub, rees = world.pair("rees")
    rees.stop()
    session, enrol = hub.ports()
    kept, words = world.directory / "session", ("-cert", rees.data / "certificate.pem", "-key",
                                                rees.data / "key.pem")

    def take(port, *more):
        client = SClient(port, "-servername", "localhost", "-sess_out", kept, *more)
        client.say(_upgrade() if port == session else b"GET /ca HTTP/1.1\r\n\r\n")
        client.hear("HTTP/1.1")
        client.process.stdin.close()
        client.process.wait()
    for version in ("-tls1_2", "-tls1_3"):
        how = f"openssl {version[4:].replace('_', '.')}"
        take(session, version, *words)
        found = _s_client(session, _upgrade(), version, "-sess_in", kept)
        _cell("session", "resumed, no certificate at hand", how, found, SESSION)
        hub.stop()
        hub.start()
        found = _s_client(session, _upgrade(), version, "-sess_in", kept)
        _cell("session", "the same after the hub's restart", how, found, REFUSED)
        kept.unlink()
        take(enrol, version)
        _cell("enrolment", "a session to come back with", how,
              "given" if kept.exists() else "none", "none")
    for version in (TWO, THREE):
        context = _context(None, version)
        _, first, _ = _ask_ca(enrol, context)
        _, _, resumed = _ask_ca(enrol, context, first)
        _cell("enrolment", "resumed", f"python {NAMES[version]}",
              "resumed" if resumed else "200, anew", "200, anew")


class Relay:
    """Passes bytes between a device and the hub, until it is told to cut every link."""

    def __init__(self, port):
        self.target, self.ends = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """As a link breaks that nobody says farewell on."""
        ends, self.ends = self.ends, []
        for end in ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self):
        self.listener.close()
        self.cut()


def a_device_resumes_across_reconnects_but_not_with_its_former_certificate(world):
    hub, rees = world.pair("rees")
    rees.stop()
    hub.stop()
    hub.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(275 * 24 * 60 * 60 * 1000)
    hub.start()
    relay = Relay(hub.ports()[0])
    (rees.data / "holdfast.conf").write_text(f'hub = "localhost:{relay.port}"\n')

    def taken():
        return re.findall(r"device-up key=\w+ status=ok tls=(\w+)", hub.log(begun))
    begun = hub.log_size()
    rees.start()
    rees.saw("certificate-renewed status=ok", 0)
    wait_until(lambda: len(taken()) >= 2, SECONDS, "it is back with the new certificate")
    equal(taken(), ["full", "full"], "TLS before and after the renewal")
    for cuts in (1, 2):
        in_sync(hub, rees)
        relay.cut()
        wait_until(lambda n=cuts: len(taken()) >= 2 + n, SECONDS, "it is back after the cut")
        equal(taken()[-1], "resumed", f"TLS after cut {cuts}")
    in_sync(hub, rees)
    relay.close()


# ---- which hub our own device believes ----

def _hubs(world, hub, rees):
    """(what is shown, the host that is dialled, pair, is it believed)"""
    ours, theirs = mint.Mint.of(hub, world.directory / "ours"), mint.Mint(world.directory / "theirs")
    key, below = hub.data / "key.pem", ours.below(world.directory / "below")

    def by(ca, names="DNS:localhost", use=BOTH, dates=mint.EVER, name="hub"):
        return ca.issue(key, name, dates, use, names)
    here, there = "localhost", "127.0.0.1"
    return [
        ("good", here, by(ours), True),
        ("expired", here, by(ours, dates=PAST), True),
        ("not yet valid", here, by(ours, dates=FUTURE), True),
        ("another CA's", here, by(theirs), False),
        ("self-signed", here, ours.self_signed(key, "localhost", BOTH, "DNS:localhost"), False),
        ("for another host", here, by(ours, "DNS:elsewhere.example"), False),
        ("for another host, ours as CN", here, by(ours, "DNS:elsewhere.example", name=here), False),
        ("no SAN, the host as CN", here, by(ours, None, name=here), False),
        ("a wildcard for all", here, by(ours, "DNS:*"), False),
        ("a wildcard within the name", here, by(ours, "DNS:local*"), False),
        ("a wildcard below the name", here, by(ours, "DNS:*.localhost"), False),
        ("a NUL behind the name", here,
         by(ours, "DER:30:18:82:16:6c:6f:63:61:6c:68:6f:73:74:00:2e:65:78:61:6d:70:6c:65:2e:6f:72:67"),
         False),
        ("the address, where the name is dialled", here, by(ours, "IP:127.0.0.1"), False),
        ("the address, dialled", there, by(ours, "IP:127.0.0.1"), True),
        ("the address written as a name", there, by(ours, "DNS:127.0.0.1"), False),
        ("the name, where the address is dialled", there, by(ours), False),
        ("another address", there, by(ours, "IP:127.0.0.2"), False),
        ("for servers only", here, by(ours, use="serverAuth"), True),
        ("for clients only", here, by(ours, use="clientAuth"), False),
        ("for no stated use", here, by(ours, use=None), False),
        ("a device's own", here, mint.Pair(rees.data / "certificate.pem", rees.data / "key.pem"),
         False),
        ("below an extra CA", here, below.chained(by(below)), False),
    ]


class FalseListener:
    """TLS with a given pair; one connection after the other is handed to `serve`, in a thread."""

    def __init__(self, pair, serve, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate, pair.key)
        if version:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.context.minimum_version = self.context.maximum_version = version
            if version < TWO:
                self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.serve = self.listener.getsockname()[1], serve
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            try:
                raw.settimeout(wire.SECONDS)
                with self.context.wrap_socket(raw, server_side=True) as stream:
                    self.serve(stream)
            except (OSError, wire.Closed):
                raw.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def _dialled(device, host, pair, version=None):
    """Is the hub with this pair believed by `holdfast-edge run`? Then it says HELLO."""
    hellos = []

    def serve(stream):
        hellos.append(wire.take_upgrade(stream).frame())
    false_hub = FalseListener(pair, serve, version)
    (device.data / "holdfast.conf").write_text(f'hub = "{host}:{false_hub.port}"\n')
    begun = device.log_size()
    device.launch()
    wait_until(lambda: hellos or "dial-failed" in device.log(begun), SECONDS,
               "the device has judged")
    device.kill()
    false_hub.close()
    return bool(hellos)


def _enrols(world, hub, device, host, pair, version=None):
    """Is the secret sent to an enrolment listener with this pair?"""
    bodies = []
    ca = (hub.data / "ca.pem").read_bytes()

    def serve(stream):
        head = wire.read_head(stream)
        if head.startswith(b"GET"):
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                           % (len(ca), ca))
        else:
            bodies.append(stream.recv(65536))
    listener = FalseListener(pair, serve, version)
    token = re.sub("^address .*$", f"address {host}:{listener.port}",
                   (world.directory / "token").read_text(), flags=re.M)
    code, _, _ = device.command("enrol", "--token-file", "-", feed=token)
    listener.close()
    expect(bodies or code in (69, 77), f"enrol ended with {code}")
    return bool(bodies)


def every_hub_that_a_device_believes_and_every_one_that_it_does_not(world):
    hub, rees = world.pair("rees")
    rees.stop()
    new = world.make_device("new")
    (world.directory / "token").write_text(hub.token("new", "beds/street"))
    for what, host, pair, wanted in _hubs(world, hub, rees):
        words = {True: "believed", False: "refused"}
        _cell("device", f"{what} ({host})", "run", words[_dialled(rees, host, pair)], words[wanted])
        _cell("device", f"{what} ({host})", "enrol", words[_enrols(world, hub, new, host, pair)],
              words[wanted])
    good = mint.Pair(hub.data / "certificate.pem", hub.data / "key.pem")
    for version, name, wanted in ((ssl.TLSVersion.TLSv1, "1.0", "refused"),
                                  (ssl.TLSVersion.TLSv1_1, "1.1", "refused"),
                                  (TWO, "1.2", "believed"), (THREE, "1.3", "believed")):
        found = "believed" if _dialled(rees, "localhost", good, version) else "refused"
        _cell("device", f"a hub of TLS {name} alone", "run", found, wanted)
        if version == THREE:
            continue  # mbedTLS, which enrols, has none
        found = "believed" if _enrols(world, hub, new, "localhost", good, version) else "refused"
        _cell("device", f"a hub of TLS {name} alone", "enrol", found, wanted)
