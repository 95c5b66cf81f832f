"""One test's world: a temporary directory with a hub and devices in it, all gone at the end."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "demo"))
from fleet import (Device, Hub, Station, Trouble,  # pylint: disable=wrong-import-position,unused-import
                   free_port, wait_until)
import fold  # pylint: disable=wrong-import-position,unused-import

DATA = ROOT / "tests" / "demo" / "data"
MAPPING = DATA / "street.mapping.json"
STREET = DATA / "street-city-of-london-2018-10.csv"
PACK = ROOT / "sync" / "pack" / "police.json"
SCOPE = "beds/street"
SECONDS = 180  # for anything that should take moments, however slow or busy the machine is
# A promise of so many seconds is held to its figure where HOLDFAST_LONG asks for that, and else to as
# much more as no machine that is merely slow or busy takes.
SLOWNESS = 1 if os.environ.get("HOLDFAST_LONG") else 20

LINES_MAX = 60  # of logs, when a test failed


class Skip(Exception):
    """This machine cannot show it; the sentence says why."""


def expect(is_so, sentence):
    if not is_so:
        raise AssertionError(sentence)


def equal(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {wanted!r} was due, and it is {found!r}")


class World:
    """Makes hubs and devices; ends every process that it began."""

    def __init__(self, build):
        self.build = Path(build)
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-e2e-"))
        self.nodes, self.mounts = [], []
        self.seed = int(os.environ.get("HOLDFAST_SEED", "1"))  # of what a test chooses

    def make_hub(self, name="hub", start=True, planted=None):
        """`planted`: one of the mistakes of tests/demo/planted.c, in a build that can make it."""
        hub = Hub(self.build, self.directory / name,
                  {"HOLDFAST_PLANTED": planted} if planted else None,
                  "-planted" if planted else "")
        self.nodes.append(hub)
        hub.make()
        if start:
            hub.start()
        return hub

    def make_device(self, name, hub=None, scopes=SCOPE, start=True, planted=False, ports=()):
        """A device with its key; enrolled and running where a hub is given. `planted`: of the build
        that can be told to fall (tests/demo/planted.c). `ports`: of its stations."""
        device = Device(self.build, name, self.directory / name,
                        suffix="-planted" if planted else "")
        self.nodes.append(device)
        if hub is None:
            device.must("init")
            return device
        device.join(hub, scopes, *ports)
        if start:
            device.start()
        return device

    def pair(self, *names):
        """(hub, device, ...), all in sync"""
        hub = self.make_hub()
        devices = [self.make_device(name, hub) for name in names or ("rees",)]
        in_sync(hub, *devices)
        return (hub, *devices)

    def tails(self):
        """The ends of all logs, at most so many lines in all."""
        return "\n".join(node.tail(LINES_MAX // max(1, len(self.nodes))) for node in self.nodes)

    def close(self, keep=False):
        for node in reversed(self.nodes):
            node.kill()
            if isinstance(node, Device):
                node.close()
        for directory in self.mounts:
            subprocess.run(["umount", "-l", str(directory)], check=False)
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


def is_in_sync(hub, devices):
    for device in devices:
        status = device.ask("status")
        if status["link"] != "in-sync" or status["waiting"]:
            return False
    rows = {row["name"]: row for row in hub.ask("devices")["devices"]}
    return all(rows[device.name]["in_sync"] and rows[device.name]["behind"] == 0
               for device in devices)


def in_sync(hub, *devices, seconds=SECONDS):
    wait_until(lambda: is_in_sync(hub, devices), seconds, "everyone is in sync")


def refused(node, *words, code, says, **options):
    """The command ends with `code` and one line on standard error that has `says` in it."""
    found, out, err = node.command(*words, **options)
    what = f"{' '.join(map(str, words))}: code {found}, standard error {err.strip()!r}"
    expect(found == code, f"{what}; code {code} was due")
    expect(says in err, f"{what}; it does not say {says!r}")
    expect(len(err.strip().splitlines()) == 1, f"{what}; one line was due")
    expect(out == "", f"{what}; standard output has {out!r}")


@contextmanager
def silent_port():
    """A port that is ours, so that nobody else can listen on it, and where nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
