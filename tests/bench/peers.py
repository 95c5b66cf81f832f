"""Other systems that sync and merge, with the same records, between rounds of ours.

Their side is not ours to ship: it is run from ../shared/peers-bench where that is, in a copy under
build/peers, with what npm installs there once. Four of them, and of their workloads the upload (W2) and
the first download (W3): enough to be compared with, in a few minutes. None but Fossil waits for the
disk at both ends; ours always does."""
import json
import os
import shutil
import signal
import statistics
import subprocess
from pathlib import Path

import transfer
from figures import rounded, say

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT.parent / "shared" / "peers-bench"
SCRATCH = ROOT / "build" / "peers"
PEERS = {"yjs": "Yjs, y-websocket", "automerge": "Automerge-repo, one document",
         "pouchdb": "PouchDB, express-pouchdb", "fossil": "Fossil"}
PEER_SECONDS = 150
SETUP_SECONDS = 300
KEYS = ("upload", "bootstrap", "bytes_per_record")


def prepare():
    """Copies and installs, once. A sentence when it cannot be done."""
    if not SOURCE.is_dir():
        return "the peers' side, ../shared/peers-bench, is not here: skipped"
    missing = [name for name in ("node", "npm", "gcc", "openssl") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not installed: the peers are skipped"
    if (SCRATCH / "installed").exists():
        return None
    shutil.rmtree(SCRATCH, ignore_errors=True)
    shutil.copytree(SOURCE, SCRATCH)
    subprocess.run(["chmod", "-R", "u+w", str(SCRATCH)], check=True)
    say("installing the peers by npm, once")
    done = subprocess.run(["sh", "setup.sh"], cwd=SCRATCH, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=SETUP_SECONDS, check=False)
    if done.returncode != 0:
        return f"npm could not install the peers: {done.stdout.strip().splitlines()[-1]}"
    (SCRATCH / "installed").touch()
    return None


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_peer(name, count, work):
    """(upload, bootstrap, bytes per record), as far as they came; its further workloads are not waited
    for."""
    env = {**os.environ, "BENCH_N": str(count), "BENCH_REPS": "1", "BENCH_ONLY": "none",
           "BENCH_WORK": str(work)}
    found = {}
    process = subprocess.Popen(["timeout", str(PEER_SECONDS), "node", f"{name}.mjs"], cwd=SCRATCH,
                               env=env, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for line in process.stdout:
            row = json.loads(line)
            if row["w"] == "W2":
                found["upload"] = row["rps"]
                found["bytes_per_record"] = row["up_bytes_per_rec"] + row["down_bytes_per_rec"]
            if row["w"] == "W3":
                found["bootstrap"] = row["rps"]
                break
    finally:
        end_group(process)
    return found


def print_row(name, row, ours, as_json):
    if as_json:
        print(json.dumps({"peer": name, **{key: rounded(row.get(key)) for key in KEYS}}), flush=True)
        return
    text = f"{name:30}"
    for key in KEYS:
        value = row.get(key)
        text += f" {rounded(value):>9,}" if value else f" {'-':>9}"
        text += f" {value / ours[key]:>6.2f}x" if value and ours else " " * 8
    print(text, flush=True)


def compare(stage, plan, as_json):
    """Prints ours and theirs, with theirs as a multiple of ours."""
    trouble = prepare()
    if trouble:
        say(trouble)
        return
    count, rows, ours = plan.count(20000, 2000), {}, {key: [] for key in KEYS}

    def add(key, value, _limit=None):
        if key in ours:
            ours[key].append(value)
    for name, words in PEERS.items():
        if name == "fossil" and not shutil.which("fossil"):
            say("fossil is not installed: skipped")
            continue
        say(f"{words}: {count} records")
        rows[words] = run_peer(name, count, stage.directory / "peers")
        if not rows[words]:
            say(f"{words}: nothing came within {PEER_SECONDS} s")
        transfer.transfer_round(stage, count, add)
    medians = {key: statistics.median(values) for key, values in ours.items()}
    if not as_json:
        print(f"{count} records".ljust(30), "   upload/s           bootstrap/s       bytes each")
    print_row("holdfast (median)", medians, None, as_json)
    for words, row in rows.items():
        print_row(words, row, medians, as_json)
