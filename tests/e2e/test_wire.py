"""Bytes that no device of ours sends: refused by number, nothing applied, and life goes on."""
import fold
import wire
from world import equal, expect, in_sync

LONG = 256 * 1024 + 1


def _records(hub):
    status = hub.ask("status")
    return status["records"], status["entries"]


MALFORMED = [  # (what, message, code of protocol.md 5)
    ("noise", bytes(range(200, 250)), 101),
    ("half an item", fold.encode([1, 1, 1, "holdfast-edge 0.1.0"])[:-4], 101),
    ("an empty message", b"", 101),
    ("a longer head than is needed", b"\x84\x18\x01\x01\x01\x60", 101),
    ("an indefinite length", b"\x9f\x01\x01\xff", 101),
    ("a frame of no known type", fold.encode([77, 1]), 101),
    ("a FEED_ACK before HELLO", fold.encode([13, 0]), 104),
    ("a frame that only a hub sends", fold.encode([5, 2, None]), 104),
    ("a protocol that nobody speaks", fold.encode([1, 9, 9, "x", [[bytes(16), []]], 0, None, 0, 0]),
     100),
    ("a frame that claims to inflate to a gigabyte", fold.encode([60, 1, 1 << 30, bytes(99)]), 103),
]


def a_malformed_frame_gets_a_numbered_error_and_closes_that_session_alone(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    rees.stop()
    before = _records(hub)
    for what, message, code in MALFORMED:
        begun = hub.log_size()
        link = wire.dial(hub.ports()[0], rees.data)
        link.send(message)
        frames = link.until_closed()
        expect(frames and frames[-1][0] == wire.ERROR,
               f"{what}: an ERROR was due, and there came {frames}")
        equal(frames[-1][1], code, f"{what}: the error's number")
        expect(frames[-1][2], f"{what}: the error has no words")
        hub.saw("device-down", begun)
        lines = [line for line in hub.log(begun).splitlines() if f"we told it {code}: " in line]
        equal(len(lines), 1, f"{what}: lines that the hub logged")
    equal(_records(hub), before, "what the hub holds")
    okafor.put("crime", "summary=The hub goes on")
    rees.start()
    in_sync(hub, rees, okafor)


def _body(seq):
    ops = fold.encode([16, bytes(16), [], [[27, [], "summary"]]])
    return [seq, 0, 2, 1 << 40, 3, 1, "nobody", None, [bytes(8) + ops]]


def an_entry_out_of_its_order_is_refused_and_nothing_of_its_frame_is_kept(world):
    hub, rees = world.pair("rees")
    rees.stop()
    before = _records(hub)
    for what, bodies in (("a gap at the start", [_body(5)]), ("a gap within", [_body(1), _body(3)]),
                         ("the same entry twice", [_body(1), _body(1)])):
        link = wire.dial(hub.ports()[0], rees.data)
        link.send(fold.encode([1, 1, 1, "by hand", [[bytes(16), []]], 0, None, 1 << 40, 0]))
        equal(link.frame()[0], 2, f"{what}: WELCOME")
        link.send(fold.encode([10, 0, 3, bodies]))
        frames = [frame for frame in link.until_closed() if frame[0] in (wire.ERROR, 11)]
        equal([frame[:2] for frame in frames], [[wire.ERROR, 300]], f"{what}: the answer")
    equal(_records(hub), before, "what the hub holds")


def a_message_past_the_limit_is_not_even_kept(world):
    hub, rees, okafor = world.pair("rees", "okafor")
    rees.stop()
    link = wire.dial(hub.ports()[0], rees.data)
    try:
        link.send(bytes(LONG))
    except OSError:
        pass  # it hung up in the middle
    frames = link.until_closed()
    expect(not frames or frames[-1][:2] == [wire.ERROR, 103], f"there came {frames}")
    okafor.put("crime", "summary=The hub goes on")
    rees.start()
    in_sync(hub, rees, okafor)


def a_hub_that_talks_nonsense_is_told_so_and_left(world):
    hub, rees = world.pair("rees")
    record = rees.put("crime", "summary=kept")
    in_sync(hub, rees)
    hub.stop()
    begun = rees.log_size()
    false_hub = wire.FalseHub(hub.data, hub.ports()[0])
    link = false_hub.accept()
    equal(link.frame()[0], 1, "the first frame up: HELLO")
    link.send(b"\xff nonsense")
    frames = link.until_closed()
    false_hub.close()
    expect(frames and frames[-1][0] == wire.ERROR and frames[-1][1] == 101,
           f"ERROR 101 was due, and there came {frames}")
    rees.saw("link-down", begun)
    lines = [line for line in rees.log(begun).splitlines() if "we told the hub 101: " in line]
    equal(len(lines), 1, "lines that the device logged")
    equal(rees.command("get", record)[0], 0, "the record is still there")
    hub.start()
    in_sync(hub, rees)
