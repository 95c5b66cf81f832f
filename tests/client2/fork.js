// fork.js: two stores wrote under one name. The hub keeps the branch that it has; what is only in
// ours is written again under a new name, and our branch is dropped (protocol.md 4, "Forks").
import { dotKey, hex, logKey } from './names.js';
import { Writer } from './write.js';

const byHlc = (a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : a.lane - b.lane || a.seq - b.seq);

// A delete's context, as its writer would have made it under the new name: what it had seen of the
// old branch is in a new log now, and the hub's entries with those numbers nobody here has seen.
function contextAgain(context, acked, became) {
  const found = new Map();
  const see = (origin, lane, seq, holes) => {
    if (seq > 0) found.set(logKey(origin, lane), [origin, lane, seq, holes]);
  };
  for (const [origin, lane, seq, holes] of context) {
    const common = acked(origin, lane);
    see(origin, lane, Math.min(seq, common), holes.filter((hole) => hole <= common));
    for (let at = common + 1; at <= seq; at += 1) {
      const now = became.get(dotKey(origin, lane, at));
      if (now) see(now.origin, now.lane, now.seq, []);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

// One op: it cites what it cited, by the new names, and the one that it stands for. Where the hub
// has that one after all (its ACK was lost) it is overwritten; else that citation is true to nothing.
function opAgain(op, entry, acked, became) {
  const cites = op.cites.map((cited) => {
    const now = became.get(dotKey(cited.origin, cited.lane, cited.seq));
    return now ? { ...now, ordinal: cited.ordinal } : cited;
  });
  const { origin, lane, seq, prefix } = entry;
  const isDelete = op.field === 0 && op.value !== undefined;
  return { field: op.field, cites: [...cites, { origin, lane, seq, prefix, ordinal: op.ordinal }],
    value: isDelete ? contextAgain(op.value, acked, became) : op.value,
    reason: op.reason ?? `Written again from ${hex(origin).slice(0, 8)}/${lane}/${seq}` };
}

// After this, in one save: a new name where the forked one was being written under; its own entries
// above what a hub acknowledged are gone, and stand under the name that we write under.
export function leaveBranch(device, forked) {
  if (device.origin.equals(forked)) device.renew();
  const acked = (origin, lane) => (origin.equals(forked)
    ? device.acked.get(logKey(origin, lane)) ?? 0 : Infinity);
  const lost = device.replica.entries.filter(({ origin, lane, seq, body }) =>
    body && origin.equals(forked) && seq > acked(origin, lane)).sort(byHlc);
  device.drop(lost);
  const writer = new Writer(device);
  const became = new Map(); // dot -> the entry that stands for it
  for (const entry of lost) {
    const parts = entry.parts.filter(({ ops }) => ops).map(({ type, id, ops }) => ({ type, id,
      ops: ops.map((op) => opAgain(op, entry, acked, became)) }));
    if (parts.length === 0) continue;
    const now = writer.write(entry.lane, entry.scope, parts, entry);
    became.set(dotKey(entry.origin, entry.lane, entry.seq), now);
  }
  device.save();
}
