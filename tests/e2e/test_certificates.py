"""A certificate in life: renewed by itself, expired, revoked in between, with clocks that lie."""
import json
import random
import signal
import time
from pathlib import Path

import fold
import mint
import wire
from world import ROOT, SECONDS, equal, expect, in_sync, wait_until

DAY_MS = 24 * 60 * 60 * 1000
YEAR_MS = 365 * DAY_MS
EXPIRED, WELCOME, RENEW, CERTIFICATE, PING, PONG = 4, 2, 16, 17, 50, 51
STRAY_KILLS = 6


def _at(node, offset_ms):
    """Starts the program anew with its clock so far off."""
    node.stop()
    node.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(offset_ms)
    node.start()


def _certificate(device):
    return device.data / "certificate.pem"


def _welcome(link):
    """Says HELLO by hand, as a new device; returns WELCOME."""
    link.send(fold.encode([1, 1, 1, "by hand", [[bytes(16), []]], 0, None, 1 << 40, 0]))
    frame = link.frame()
    equal(frame[0], WELCOME, "the first frame down")
    return frame


def _heard(link):
    """Types of the frames that come before the answer to a PING."""
    link.send(fold.encode([PING, 7]))
    types = []
    while not types or types[-1] != PONG:
        types.append(link.frame()[0])
    return types[:-1]


def a_certificate_renews_itself_before_it_ends(world):
    hub, rees = world.pair("rees")
    first, key = _certificate(rees).read_bytes(), (rees.data / "key.pem").read_bytes()
    _at(hub, 200 * DAY_MS)  # not yet two thirds of a year
    _at(rees, 0)
    in_sync(hub, rees)
    equal(_certificate(rees).read_bytes(), first, "the certificate after 200 days")
    equal(rees.ask("status")["certificate"]["state"], "good", "its state")
    _at(hub, 275 * DAY_MS)
    rees.saw("certificate-renewed status=ok", 0)
    in_sync(hub, rees)
    expect(_certificate(rees).read_bytes() != first, "the certificate was not replaced")
    equal((rees.data / "key.pem").read_bytes(), key, "the key")
    expect(mint.fits(_certificate(rees), rees.data / "key.pem"), "certificate and key do not fit")
    expect(630 < mint.days_left(_certificate(rees)) < 645, "its end is a year after the hub's now")
    status = rees.ask("status")["certificate"]
    equal((status["state"], status["problem"]), ("good", ""), "what status says of it")
    expect(363 <= status["days_left"] <= 365, f"{status['days_left']} days are left, by status")
    expect("certificate ends in 36" in rees.must("status"), "status, for people")
    rees.put("crime", "summary=after")
    in_sync(hub, rees)
    _at(rees, 0)  # and from the disk it is the new one that is shown
    in_sync(hub, rees)
    equal(rees.log().count("certificate-renewed"), 1, "renewals")


def an_expired_device_sends_and_receives_nothing_until_it_is_renewed(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    rees.stop()
    kept = rees.put("crime", "summary=written while away")
    okafor.stop()
    _at(hub, 400 * DAY_MS)
    begun = hub.log_size()
    link = wire.dial(hub.ports()[0], rees.data)
    equal(_welcome(link)[10], EXPIRED, "the verdict for an expired certificate")
    hub.saw("device-up .*certificate=expired", begun)
    okafor.start()  # renews itself at once, and writes
    news = okafor.put("crime", "summary=written meanwhile")
    in_sync(hub, okafor)
    equal(_heard(link), [], "frames for an expired device while others write")
    link.send(fold.encode([RENEW]))
    answer = link.frame()
    equal((answer[0], answer[2]), (CERTIFICATE, ""), "the answer to RENEW")
    expect(answer[1], "there is no certificate in it")
    equal(_heard(link), [], "frames in the rest of that session")
    link.close()
    rees.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(400 * DAY_MS)
    equal(rees.ask("status")["certificate"]["state"], "ended", "its state, as far as it can know")
    expect("certificate ended" in rees.must("status"), "status, for people")
    del rees.environment["HOLDFAST_CLOCK_OFFSET_MS"]
    rees.start()  # gets the same certificate again
    rees.saw("certificate-renewed status=ok", 0)
    in_sync(hub, rees, okafor)
    equal(okafor.command("get", kept)[0], 0, "what the expired device wrote is with the others")
    equal(rees.command("get", news)[0], 0, "what others wrote is there once it is renewed")
    renewed = mint.must("x509", "-in", _certificate(rees), "-outform", "DER", "-out",
                        world.directory / "der")
    equal(renewed, "", "openssl says")
    equal((world.directory / "der").read_bytes(), answer[1], "the certificate on its disk")


def an_expired_device_that_asks_for_more_is_out_of_turn(world):
    hub, rees = world.pair("rees")
    rees.stop()
    _at(hub, 400 * DAY_MS)
    for what, frame in (("VECTOR", [3, 2, None, None, []]), ("START", [6, 0, bytes(16)])):
        link = wire.dial(hub.ports()[0], rees.data)
        equal(_welcome(link)[10], EXPIRED, "the verdict")
        link.send(fold.encode(frame))
        equal([frame[:2] for frame in link.until_closed()], [[wire.ERROR, 104]], what)


def _asked(hub, rees):
    """Killed once the hub has its question, and before there is an answer."""
    hub.stop()
    false_hub = wire.FalseHub(hub.data, hub.ports()[0])
    rees.start()
    link = false_hub.accept()
    equal(link.frame()[0], 1, "the first frame up: HELLO")
    link.send(fold.encode([WELCOME, 1, "says nothing more", bytes(16), bytes(16), 0, bytes(16),
                           int(time.time() * 1000), [], [], EXPIRED, [4096, 1 << 20], 1]))
    while link.frame()[0] != RENEW:
        pass
    rees.kill()
    link.close()
    false_hub.close()
    hub.start()


def _falls(moment):
    """It falls by itself, where it is told to: see tests/demo/planted.c."""
    def act(_, rees):
        rees.environment["HOLDFAST_PLANTED"] = moment
        equal(rees.launch().wait(SECONDS), -signal.SIGKILL, f"how it ended: {moment}")
        del rees.environment["HOLDFAST_PLANTED"]
    return act


def _kept(_, rees):
    begun = rees.log_size()
    rees.start()
    rees.saw("certificate-renewed status=ok", begun)
    rees.kill()


def _some_time(seconds):
    """Which moment that is, the machine decides; nothing is expected of it."""
    def act(_, rees):
        begun = rees.log_size()
        rees.start()
        rees.saw("link-up", begun)
        time.sleep(seconds)
        rees.kill()
    return act


def a_kill_at_any_moment_of_a_renewal_leaves_a_pair_that_works(world):
    hub = world.make_hub()
    rees = world.make_device("rees", hub, planted=True)
    in_sync(hub, rees)
    chance = random.Random(world.seed)
    kills = [("it has asked", _asked, False), ("the file is whole", _falls("fall-before-rename"), False),
             ("the file has its name", _falls("fall-after-rename"), True), ("it is kept", _kept, True)]
    kills += [("some time has gone", _some_time(chance.uniform(0, 0.06)), None)
              for _ in range(STRAY_KILLS)]
    for number, (moment, kill, is_new) in enumerate(kills, 1):
        rees.stop()
        _at(hub, number * 275 * DAY_MS)  # due again: its last one is 275 days old
        before = _certificate(rees).read_bytes()
        kill(hub, rees)
        found = _certificate(rees).read_bytes() != before
        print(f"   killed when {moment}: {'the new' if found else 'the old'} certificate", flush=True)
        if is_new is not None:
            equal(found, is_new, f"killed when {moment}: there is the new certificate")
        expect(mint.fits(_certificate(rees), rees.data / "key.pem"),
               f"killed when {moment}: certificate and key do not fit")
        rees.start()
        wait_until(lambda was=before: _certificate(rees).read_bytes() != was, SECONDS,
                   f"the certificate is renewed after the kill when {moment}")
        in_sync(hub, rees)


def a_device_whose_clock_is_years_off_connects_and_renews_by_the_hubs(world):
    hub = world.make_hub()
    for name, offset_ms in (("ahead", 3 * YEAR_MS), ("behind", -3 * YEAR_MS)):
        device = world.make_device(name, start=False)
        device.environment["HOLDFAST_CLOCK_OFFSET_MS"] = str(offset_ms)
        device.must("enrol", "--token-file", "-", feed=hub.token(name, "beds/street"))
        device.start()
        in_sync(hub, device)
        device.put("crime", f"summary=by the one {name}")
        in_sync(hub, device)
        equal(device.log().count("certificate-renewed"), 0, f"{name}: renewals by its own clock")
        status = device.ask("status")
        equal(status["certificate"]["state"], "good", f"{name}: its certificate, by the hub's time")
        expect(status["next"] == "Nothing is needed.", f"{name}: status says: {status['next']}")
        expect(abs(status["clock"]["offset_ms"] + offset_ms) < 60000, f"{name}: its clock's offset")


def a_hub_whose_clock_jumped_years_and_came_back_locks_nobody_out(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    for offset_ms in (3 * YEAR_MS, 0, -2 * YEAR_MS, 0):
        _at(hub, offset_ms)
        record = rees.put("crime", f"summary=at {offset_ms}")
        in_sync(hub, rees, okafor)
        equal(okafor.command("get", record)[0], 0, f"at {offset_ms}: what the other one wrote")


def _vector(name):
    vectors = json.loads((ROOT / "tests" / "vectors" / "frames.json").read_text())
    return next(bytes.fromhex(row["hex"]) for row in vectors if row["name"] == name)


def _wall(frame, wall_ms):
    """WELCOME with another time in it."""
    items = fold.cbor(frame)[0]
    items[7] = wall_ms
    return fold.encode(items)


def _meets_a_hub_with(world, hub, rees, dates, says):
    """The device meets a hub whose certificate has these dates, and that says it is now."""
    rees.stop()
    home = Path(world.directory / f"mint{dates[0]}")
    ca = mint.Mint.of(hub, home)
    pair = ca.issue(hub.data / "key.pem", "localhost", dates, "serverAuth",
                    "DNS:localhost")
    false_hub = wire.FalseHub(hub.data, hub.ports()[0], pair)
    rees.start()
    link = false_hub.accept()
    equal(link.frame()[0], 1, "the device says HELLO to a hub that is out of date")
    link.send(_wall(_vector("welcome that asks for vectors"), int(time.time() * 1000)))
    equal(link.frame()[0], 3, "and goes on, when it knows the time")
    wait_until(lambda: says in rees.ask("status")["next"], SECONDS, f"status says {says!r}")
    rees.stop()
    link.until_closed()
    false_hub.close()


def a_hub_that_is_out_of_date_is_met_and_status_says_so(world):
    hub, rees = world.pair("rees")
    hub.stop()
    outdated = "the hub's certificate does not hold today"
    _meets_a_hub_with(world, hub, rees, (mint.date(-900), mint.date(-10)), outdated)
    _meets_a_hub_with(world, hub, rees, (mint.date(10), mint.date(900)), outdated)
    _meets_a_hub_with(world, hub, rees, mint.EVER, "")
    expect("does not hold" not in rees.ask("status")["next"], "it says so of a good hub too")


def a_hub_renews_its_own_certificate_when_it_starts(world):
    hub, rees = world.pair("rees")
    first = (hub.data / "certificate.pem").read_bytes()
    _at(hub, 6 * YEAR_MS)
    equal((hub.data / "certificate.pem").read_bytes(), first, "its certificate after six years")
    _at(hub, 11 * YEAR_MS)  # even past its end
    expect((hub.data / "certificate.pem").read_bytes() != first, "it was not renewed")
    expect(mint.fits(hub.data / "certificate.pem", hub.data / "key.pem"), "it is no pair")
    equal(hub.log().count("own-certificate-renewed status=ok"), 1, "renewals")
    in_sync(hub, rees)
    expect(hub.ask("status")["certificate_until"] > "2040", "what status says of it")
