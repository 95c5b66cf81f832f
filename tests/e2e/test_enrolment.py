"""Who may connect: by token, once; and who may not, however they try."""
import re
import shutil
import time

import wire
from fleet import Hub
from world import SECONDS, SLOWNESS, equal, expect, in_sync, refused, silent_port, wait_until


def a_token_enrols_one_device_once(world):
    hub = world.make_hub()
    token = hub.token("PC 4411 Rees", "beds/street")
    rees, other = world.make_device("rees"), world.make_device("other")
    rees.must("enrol", "--token-file", "-", feed=token)
    refused(other, "enrol", "--token-file", "-", feed=token, code=77, says="was used already")
    refused(rees, "enrol", "--token-file", "-", feed=token, code=73, says="enrolled already")
    rees.start()
    wait_until(lambda: rees.ask("status")["link"] == "in-sync", SECONDS, "the device is in sync")
    equal(rees.ask("status")["device"], "PC 4411 Rees", "its name, which the token gave it")
    row, = hub.ask("devices")["devices"]
    equal((row["name"], row["scopes"], row["connected"], row["revoked"]),
          ("PC 4411 Rees", ["beds/street"], True, False), "what the hub says of it")


def the_same_key_asking_again_gets_the_same_certificate(world):
    hub = world.make_hub()
    token = hub.token("rees", "beds/street")
    rees = world.make_device("rees")
    rees.must("enrol", "--token-file", "-", feed=token)
    certificate = (rees.data / "certificate.pem").read_text()
    (rees.data / "certificate.pem").unlink()  # as if the power had failed before it was kept
    rees.must("enrol", "--token-file", "-", feed=token)
    equal((rees.data / "certificate.pem").read_text(), certificate, "the certificate")
    equal(len(hub.ask("devices")["devices"]), 1, "devices")


def a_bad_token_gets_one_clear_sentence_and_spends_nothing(world):
    hub, elsewhere = world.make_hub(), world.make_hub("elsewhere")
    good = hub.token("rees", "beds/street")
    theirs = elsewhere.token("rees", "kent/street")
    rees = world.make_device("rees")

    def line_of(word, token):
        return re.search(f"^{word} .*$", token, re.M)[0]

    def swapped(token, word, line):
        return token.replace(line_of(word, token), line)
    enrol = ("enrol", "--token-file", "-")
    wrong = swapped(good, "secret", line_of("secret", theirs))
    refused(rees, *enrol, feed=wrong, code=77, says="does not know the token")
    refused(rees, *enrol, feed=swapped(theirs, "address", line_of("address", good)), code=77,
            says="of another hub")  # the other hub's CA: the secret is not even sent
    misled = swapped(good, "hub", line_of("hub", theirs))
    refused(rees, *enrol, feed=misled, code=77, says="made by another hub")
    refused(rees, *enrol, feed="not a token at all\n", code=65, says="token")
    refused(rees, *enrol, feed=good[:len(good) // 2], code=65, says="token")
    refused(rees, "enrol", "--token-file", world.directory / "none", code=66, says="no token file")
    with silent_port() as port:
        nobody = swapped(good, "address", f"address localhost:{port}")
        refused(rees, *enrol, feed=nobody, code=69, says="The token still works")
    expired = hub.token("okafor", "beds/street", "--expires", "1s")
    time.sleep(1.2)
    refused(rees, *enrol, feed=expired, code=77, says="has expired")
    rees.must(*enrol, feed=good)


def a_secret_never_stands_in_the_hubs_file(world):
    hub = world.make_hub()
    token = hub.token("rees", "beds/street")
    secret = re.search(r"^secret (\S+)$", token, re.M)[1].encode()
    for path in hub.data.iterdir():
        if path.is_file():
            expect(secret not in path.read_bytes(), f"{path.name} holds the token's secret")


def nobody_connects_without_a_certificate(world):
    hub, rees = world.pair("rees")
    _must_be_refused(hub)
    in_sync(hub, rees)


def _must_be_refused(hub, data=None):
    """The websocket must not open: at TLS, or with an HTTP refusal."""
    try:
        link = wire.dial(hub.ports()[0], data)
    except wire.Closed:
        return
    frames = link.until_closed()
    raise AssertionError(f"the hub opened a session for a stranger, and said {frames}")


def a_device_of_another_ca_is_refused(world):
    hub, rees = world.pair("rees")
    elsewhere = world.make_hub("elsewhere")
    kent = world.make_device("kent", elsewhere, start=False)
    begun = hub.log_size()
    _must_be_refused(hub, kent.data)
    expect("device-up" not in hub.log(begun), "the hub took it for one of its devices")
    shutil.copy(rees.data / "holdfast.conf", kent.data / "holdfast.conf")
    kent.launch()  # the real program: it does not even trust this hub
    kent.saw("dial-failed", 0)
    expect("device-up" not in hub.log(begun), "the hub took it for one of its devices")
    in_sync(hub, rees)


def a_key_that_the_hub_does_not_know_is_refused(world):
    """A certificate of our own CA is not enough: the key must be in the hub's own table."""
    hub, rees = world.pair("rees")
    twin = Hub(world.build, world.directory / "twin")
    world.nodes.append(twin)
    twin.data.mkdir()
    for name in ("ca.pem", "ca-key.pem"):
        shutil.copy(hub.data / name, twin.data / name)
    twin.make()
    twin.start()
    stranger = world.make_device("stranger", twin, start=False)
    begun = hub.log_size()
    _must_be_refused(hub, stranger.data)
    expect("device-up" not in hub.log(begun), "the hub took it for one of its devices")
    hub.saw("connection-refused", begun)
    in_sync(hub, rees)


def revoking_closes_the_live_session_within_a_second_and_for_good(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    kept = rees.put("crime", "summary=before")
    in_sync(hub, rees, okafor)
    begun, began = rees.log_size(), time.monotonic()
    answer = hub.ask("revoke", "rees", "--reason", "lost on patrol")
    equal(answer["sessions_closed"], 1, "sessions closed")
    rees.saw("link-down .*202: this device was revoked", begun)  # it did not just fall silent
    expect(time.monotonic() - began < SLOWNESS, "the session outlived its revocation by a second")
    begun = hub.log_size()
    _must_be_refused(hub, rees.data)
    expect("device-up" not in hub.log(begun), "the hub took it back")
    rees.put("crime", "summary=after")
    rees.stop()
    rees.start()
    rees.saw("dial-failed", rees.log().rindex(" started "))
    equal(rees.ask("status")["waiting"], 1, "what waits on the revoked device")
    row, = (row for row in hub.ask("devices")["devices"] if row["name"] == "rees")
    equal((row["revoked"], row["connected"]), (True, False), "what the hub says of it")
    equal(okafor.command("get", kept)[0], 0, "what it wrote before stays")
    refused(hub, "revoke", "rees", "--reason", "again", code=65, says="revoked already")
    refused(hub, "revoke", "nobody", "--reason", "why not", code=66, says="No device is called")


def a_revoked_device_is_told_to_hand_itself_in(world):
    hub, rees = world.pair("rees")
    hub.must("revoke", "rees", "--reason", "lost on patrol")
    wait_until(lambda: "revoked" in rees.ask("status")["next"], SECONDS, "status says so")
