// write.js: a person's change becomes an entry (protocol.md 3, 6.2, 6.3, 6.4).
import { randomBytes } from 'node:crypto';
import { decode, encode } from './cbor.js';
import { readEntry, writePart } from './entry.js';
import { fold, follows } from './merge.js';
import { compareNumbers, newRecordId } from './names.js';
import { fieldOf } from './pack.js';
import { liveFields } from './replica.js';

const MANY = ['append', 'set'];
const DAY_MS = 86400000;
const HLC_AHEAD_MAX_MS = 60000;

export class NeedsReason extends Error {}

const cite = ({ origin, lane, seq, prefix, ordinal }) => ({ origin, lane, seq, prefix, ordinal });

// 48 bits of Unix ms, 16 of counter: now, or one more than the highest held. What is far ahead of
// now, a peer's or our own from a day when the clock was wrong, pulls by a minute and no more.
function nextHlc(replica) {
  const nowMs = Date.now();
  const most = BigInt(nowMs + HLC_AHEAD_MAX_MS);
  const held = replica.entries.map(({ hlc }) => (hlc >> 16n > most ? most << 16n : hlc));
  const now = BigInt(nowMs) << 16n;
  return held.reduce((next, hlc) => (hlc >= next ? hlc + 1n : next), now);
}

function qualityNow(device) {
  if (device.syncedAtMs === 0) return 1;
  const age = Date.now() - device.syncedAtMs;
  return age <= DAY_MS ? 3 : age <= 7 * DAY_MS ? 2 : 1;
}

// What a writer refuses without a reason (6.3).
function needsReason(field, state, value) {
  const { ordered, value: now, isConflict } = state;
  if (ordered.length === 0 || MANY.includes(field.rule)) return null;
  if (isConflict) return 'to write over a dispute is to choose';
  if (encode(now).equals(encode(value))) return null;
  const level = (code) => (field.codes.includes(code) ? field.codes.indexOf(code) : Infinity);
  if (field.rule === 'once') return 'this field is written once';
  if (field.rule === 'state' && !follows(field, value, now)) return 'no declared move leads there';
  if (field.rule === 'max' && value < now) return 'this field only rises';
  if (field.rule === 'min' && value > now) return 'this field only falls';
  if (field.rule === 'strictest' && level(value) < level(now)) return 'this is laxer';
  return null;
}

export class Writer {
  constructor(device) {
    this.device = device;
  }

  get replica() {
    return this.device.replica;
  }

  liveOf(scope, type, id, number) {
    const record = this.replica.record(scope, type, id);
    return (record && liveFields(record).get(number)) ?? [];
  }

  // One op that sets a field, or adds an element to one that holds many.
  op({ scope, type, id }, number, value, reason) {
    const field = fieldOf(this.replica.pack(), type, number);
    const writes = this.liveOf(scope, type, id, number);
    const refusal = needsReason(field, fold(field, writes), value);
    if (refusal && !reason) throw new NeedsReason(`${field.name}: ${refusal}; give a reason`);
    return { field: number, value, reason: reason ?? null,
      cites: MANY.includes(field.rule) ? [] : writes.map(cite) };
  }

  // values: [[field number, value], ...]. A record without id is new. Returns the entry, which is
  // on disk when this returns.
  put(record, values, { actor, reason } = {}) {
    const target = { ...record, id: record.id ?? newRecordId(Date.now()) };
    const ops = values.map(([number, value]) => this.op(target, number, value, reason));
    return this.commit(target, ops.sort((a, b) => compareNumbers(a.field, b.field)), actor);
  }

  // Takes one element out of a set: cites its live writes and has no value itself.
  remove(record, number, value, { actor } = {}) {
    const cites = this.liveOf(record.scope, record.type, record.id, number)
      .filter((write) => encode(write.value).equals(encode(value))).map(cite);
    return this.commit(record, [{ field: number, cites, value: undefined, reason: null }], actor);
  }

  // The chosen value, over every live write that the person was shown.
  resolve(record, number, value, { actor, reason, shown }) {
    if (!reason) throw new NeedsReason('a choice needs a reason');
    return this.commit(record, [{ field: number, cites: shown.map(cite), value, reason }], actor);
  }

  delete(record, { actor, reason = null } = {}) {
    const value = this.context(record.scope);
    const cites = this.liveOf(record.scope, record.type, record.id, 0).map(cite);
    return this.commit(record, [{ field: 0, cites, value, reason }], actor);
  }

  restore(record, { actor, reason = null } = {}) {
    const cites = this.liveOf(record.scope, record.type, record.id, 0).map(cite);
    return this.commit(record, [{ field: 0, cites, value: undefined, reason }], actor);
  }

  // 6.4: what this writer has seen in the scope.
  context(scope) {
    return [...this.replica.vector(scope)].sort(([a], [b]) => compareNumbers(a, b))
      .map(([, { origin, lane, seq }]) => [origin, lane, seq,
        this.replica.holes(scope).filter((hole) => hole.origin.equals(origin) && hole.lane === lane)
          .map((hole) => hole.seq)]);
  }

  commit({ scope, type, id }, ops, actor) {
    const { lane } = this.replica.pack().types.get(type);
    const entry = this.write(lane, scope, [{ type, id, ops }], { actor: actor ?? 'client2',
      hlc: nextHlc(this.replica), quality: qualityNow(this.device), transaction: null });
    this.device.save();
    return entry;
  }

  // The next entry of our log: taken, and not yet on disk.
  write(lane, scope, parts, { actor, hlc, quality, transaction }) {
    const { device, replica } = this;
    const { origin } = device;
    const seq = (replica.logEntries(origin, lane).at(-1)?.seq ?? 0) + 1;
    const body = [seq, replica.heldOf(scope, origin, lane).seq, scope, hlc, quality,
      replica.pack().version, actor, transaction,
      parts.map((part) => writePart({ salt: randomBytes(8), ...part }, { origin, lane }))];
    const entry = readEntry(origin, lane, decode(encode(body))); // as others will read it
    replica.addOrigin({ keyId: device.keyId, incarnation: device.incarnations[0],
      certificate: Buffer.alloc(0) });
    replica.add(entry);
    return entry;
  }
}

