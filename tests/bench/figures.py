"""The figures of DESIGN 10: what each is called, what it is held to, and how it is printed."""
import json
import statistics
import sys


class Figure:
    """One line of the table. `of`: what the target is compared with, the value or the ratio."""

    def __init__(self, key, unit, target=None, of="value", less=False, limit=None):
        self.key, self.unit, self.target, self.of, self.less = key, unit, target, of, less
        self.fixed_limit = limit
        self.values, self.limits = [], []

    def add(self, value, limit=None):
        self.values.append(value)
        if limit is not None:
            self.limits.append(limit)

    def line(self):
        value = statistics.median(self.values)
        limit = statistics.median(self.limits) if self.limits else self.fixed_limit
        ratio = value / limit if limit else None
        met = None
        if self.target is not None:
            judged = ratio if self.of == "ratio" else value
            met = judged <= self.target if self.less else judged >= self.target
        return {"bench": self.key, "value": rounded(value), "unit": self.unit,
                "limit": rounded(limit), "ratio": rounded(ratio), "target": self.target, "met": met}


def rounded(number):
    """Four digits say all that a measurement knows; larger numbers stay whole."""
    if number is None:
        return None
    return round(number) if abs(number) >= 1000 else float(f"{number:.4g}")


def figures():
    """In the order in which they are printed."""
    rows = [
        Figure("local_write", "records/s", 0.8, of="ratio"),
        Figure("local_write_batched", "records/s"),
        Figure("upload", "records/s", 30000),
        Figure("bootstrap", "records/s", 33000),
        Figure("snapshot_100k_s", "s", 3, less=True),
        Figure("snapshot_made_100k_s", "s", less=True),
        Figure("snapshot_record_bytes", "B", less=True),
        Figure("bytes_per_record", "B", 75, less=True, limit=45),
        Figure("reconnect_bytes", "B", 2200, less=True),
        Figure("reconnect_ms", "ms", 15, less=True),
        Figure("reconnect_full_bytes", "B", 3600, less=True),
        Figure("reconnect_full_ms", "ms", less=True),
        Figure("roam_bytes", "B", 2500, less=True),
        Figure("roam_ms", "ms", less=True),
        Figure("live_p50", "ms", 1.5, less=True),
        Figure("live_p99", "ms", 8, less=True),
        Figure("urgent_p99_slow_link_s", "s", 2, less=True),
        Figure("idle_connection", "KiB", 48, less=True),
        Figure("idle_connection_10k", "KiB", 48, less=True),
        Figure("storm_10k_s", "s", less=True),
        Figure("hub_memory", "MiB", less=True),
        Figure("edge_memory", "MiB", 24, less=True),
        Figure("refill_100k_s", "s", 60, less=True),
        Figure("sim_speed", "x life", 2000),
    ]
    return {row.key: row for row in rows}


def print_line(line, as_json):
    if as_json:
        print(json.dumps(line), flush=True)
        return
    text = f"{line['bench']:20} {line['value']:>9,} {line['unit']:10}"
    if line["limit"] is not None:
        text += f" limit {line['limit']:>9,}: {line['ratio']:.2f} of it"
    if line["target"] is not None:
        text += f"; target {line['target']:g}: {'met' if line['met'] else 'NOT met'}"
    print(text, flush=True)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
