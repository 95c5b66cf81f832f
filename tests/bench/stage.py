"""Where measurements are made: a hub and devices as processes of their own, on a real disk.

Enrolment is done once, into a template; each round works on a copy of it, so that every round
begins from the same, nearly empty stores. Files are under $TMPDIR, else /var/tmp, which is on a disk
where /tmp may be memory: what is measured waits for that disk."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "demo"))
from fleet import Hub, Node, Trouble, wait_until  # pylint: disable=wrong-import-position

SCOPE = "beat"
DEVICES = ("ames", "bose", "cole")  # ames has met the hub; the others are enrolled and have not
STEP_SECONDS = 300  # for any one step: a bench that hangs is worse than none
IN_SYNC = r" link-state state=in-sync$"


def log_seconds(line):
    """Unix time of a log line, to the millisecond."""
    return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


class Tool:
    """One of our measuring programs that answers lines with lines."""

    def __init__(self, path, *arguments):
        self.process = subprocess.Popen([str(path), *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise Trouble(f"{self.process.args[0]} ended with {self.process.wait()}")
        return text.strip()

    def ask(self, command):
        self.tell(command)
        return json.loads(self.line())

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def memory_kib(pid, name="VmRSS"):
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1])


class Round:
    """One copy of the template, with whatever runs in it."""

    def __init__(self, stage, directory):
        self.stage, self.directory = stage, directory
        self.hub = Hub(stage.build, directory / "hub")
        self.nodes, self.tools = [self.hub], []
        self.stays = stage.keep

    def start_hub(self):
        """Returns the port for sessions."""
        self.hub.start()
        return self.hub.ports()[0]

    def tool(self, name, *arguments):
        tool = self.stage.tool(name, *arguments)
        self.tools.append(tool)
        return tool

    def proxy(self, port, *thin):
        """(the counting proxy, its port); `thin`: bytes a second, and milliseconds each way"""
        tool = self.tool("proxy", port, *thin)
        return tool, int(tool.line())

    def folder(self, name, port=None):
        """A device's folder; with a port, that is where it dials."""
        folder = self.directory / name
        if port:
            (folder / "holdfast.conf").write_text(f'hub = "localhost:{port}"\n', encoding="utf-8")
        return folder

    def device(self, name, port):
        """A device's daemon, not yet started."""
        node = Node(self.stage.build / "holdfast-edge", name, self.folder(name, port))
        self.nodes.append(node)
        return node

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for tool in self.tools:
            tool.close()
        for node in reversed(self.nodes):
            node.kill()
        if not self.stays:
            shutil.rmtree(self.directory, ignore_errors=True)


class Stage:
    """The template, and the programs."""

    def __init__(self, build, keep=False):
        self.build, self.measure, self.keep = Path(build), Path(build) / "measure", keep
        parent = os.environ.get("TMPDIR") or "/var/tmp"
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir=parent))
        self.count, self.made = 0, None

    @property
    def template(self):
        if not self.made:
            self.made = self.make_template()
        return self.made

    def run(self, name, *arguments):
        """Runs one of the measuring programs to its end; what it printed, as JSON."""
        done = subprocess.run([str(self.measure / name), *map(str, arguments)], text=True,
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=STEP_SECONDS, check=False)
        if done.returncode != 0:
            raise Trouble(f"{name} {' '.join(map(str, arguments))} ended with {done.returncode}")
        return json.loads(done.stdout)

    def tool(self, name, *arguments):
        return Tool(self.measure / name, *arguments)

    def limit(self, what, *arguments):
        """What SQLite alone does, on a new file."""
        path = self.directory / "limit.db"
        try:
            return self.run("limit", what, path, *arguments)
        finally:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)

    def make_template(self, name="template", scopes=SCOPE):
        """A hub, and devices that are enrolled there with these scopes."""
        directory = self.directory / name
        directory.mkdir()
        with Round(self, directory) as first:
            first.stays = True
            first.hub.make()
            first.start_hub()
            for device in DEVICES:
                node = Node(self.build / "holdfast-edge", device, directory / device)
                first.nodes.append(node)
                node.must("init")
                node.must("enrol", "--token-file", "-", feed=first.hub.token(device, scopes))
            first.nodes[1].start()
            first.nodes[1].saw(IN_SYNC, 0)
            first.nodes[1].stop()
            first.hub.stop()
        for log in directory.glob("*.log"):
            log.unlink()
        return directory

    def round(self, template=None):
        self.count += 1
        directory = self.directory / f"round-{self.count}"
        shutil.copytree(template or self.template, directory)
        return Round(self, directory)

    def close(self):
        if self.keep:
            print(f"bench: its files: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
