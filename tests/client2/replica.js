// replica.js: what one installation holds: entries, their chains, the vector, holes; and what all
// that adds up to. The list of entries is the state; everything else is a function of it.
import { encode, Refused } from './cbor.js';
import { CHAIN_0, chainNext } from './entry.js';
import { byDot, fold, live, standing } from './merge.js';
import { compareBytes, compareNumbers, dotKey, H, hex, KIND, logKey, originOf } from './names.js';
import { CLOCK, fieldOf, PACK, PACK_TYPES_FROM, readPack, VERDICT } from './pack.js';

const GAP = 300;
const FORK = 301;
const AWAITED = 1; // a hole's reason until a verdict says more

export class Replica {
  constructor() {
    this.origins = new Map(); // origin as hex -> { origin, keyId, incarnation, certificate }
    this.entries = []; // in the order in which they were taken
    this.byDot = new Map(); // dot -> entry, or what a verdict told of one
    this.vectors = new Map(); // scope -> Map(log -> { origin, lane, seq, chain })
    this.verdicts = new Map(); // dot -> { origin, lane, seq, scope, pseq, hash }
    this.folded = null;
  }

  addOrigin({ keyId, incarnation, certificate }) {
    const origin = originOf(keyId, incarnation);
    const known = this.origins.get(hex(origin));
    this.origins.set(hex(origin), {
      origin, keyId, incarnation,
      certificate: certificate.length > 0 || !known ? certificate : known.certificate,
    });
    return origin;
  }

  vector(scope) {
    if (!this.vectors.has(scope)) this.vectors.set(scope, new Map());
    return this.vectors.get(scope);
  }

  heldOf(scope, origin, lane) {
    return this.vector(scope).get(logKey(origin, lane)) ?? { origin, lane, seq: 0, chain: CHAIN_0 };
  }

  entry(origin, lane, seq) {
    return this.byDot.get(dotKey(origin, lane, seq));
  }

  // The entries of one log, by seq, whatever their scope.
  logEntries(origin, lane) {
    return this.entries.filter((e) => e.origin.equals(origin) && e.lane === lane)
      .sort((a, b) => a.seq - b.seq);
  }

  logs() {
    const found = new Map();
    for (const { origin, lane } of this.entries) found.set(logKey(origin, lane), { origin, lane });
    return [...found.keys()].sort().map((key) => found.get(key));
  }

  // Takes an entry. True when it was new or told more. Throws GAP when what stands before it in its
  // log and scope is not here, FORK when its dot has another meaning here.
  add(entry) {
    const known = this.entry(entry.origin, entry.lane, entry.seq);
    if (known) return this.addAgain(known, entry);
    this.place(entry);
    this.entries.push(entry);
    this.note(entry);
    return true;
  }

  addAgain(known, entry) {
    if (!known.hash.equals(entry.hash)) throw new Refused(FORK, 'two entries of one dot');
    if (known.body && known.missing <= entry.missing) return false;
    entry.chain = known.chain; // its parts have come: a hole may open
    const at = this.entries.indexOf(known);
    if (at >= 0) this.entries[at] = entry;
    else this.entries.push(entry);
    this.byDot.set(dotKey(entry.origin, entry.lane, entry.seq), entry);
    this.note(entry);
    return true;
  }

  place(entry) {
    const held = this.heldOf(entry.scope, entry.origin, entry.lane);
    if (entry.pseq > held.seq) throw new Refused(GAP, `entry ${entry.seq} stands behind a gap`);
    if (entry.pseq < held.seq) throw new Refused(FORK, `entry ${entry.seq} is not in its log`);
    entry.chain = chainNext(held.chain, entry.hash);
    const { origin, lane, seq, chain } = entry;
    this.vector(entry.scope).set(logKey(origin, lane), { origin, lane, seq, chain });
    this.byDot.set(dotKey(origin, lane, seq), entry);
  }

  // A verdict tells enough of an entry to step over it without having it.
  note(entry) {
    this.folded = null;
    for (const part of entry.parts) {
      if (entry.lane !== 0 || part.type !== VERDICT || !part.ops) continue;
      for (const { field, value } of part.ops) {
        if (field !== 1 || value === undefined) continue;
        const [origin, lane, seq, scope, pseq, hash] = value;
        if (lane === 0) continue; // a hub's own words are not judged
        this.verdicts.set(dotKey(origin, lane, seq), { origin, lane, seq, scope, pseq, hash });
      }
    }
    this.stepOver();
  }

  stepOver() {
    for (const target of this.verdicts.values()) {
      const held = this.heldOf(target.scope, target.origin, target.lane);
      if (held.seq !== target.pseq || this.entry(target.origin, target.lane, target.seq)) continue;
      this.place({ ...target, parts: [], body: null });
      this.stepOver();
      return;
    }
  }

  // ---- what it adds up to ----

  fold() {
    if (this.folded) return this.folded;
    const system = collect(this.entries.filter((entry) => entry.lane === 0));
    const pack = newestPack(system);
    const reasons = verdictReasons(system, pack);
    const holes = new Map();
    for (const [dot, entry] of this.byDot) {
      const reason = reasonOf(reasons.get(dot), entry);
      if (reason !== 0) holes.set(dot, { ...entry, reason });
    }
    const counting = this.entries.filter((e) => !holes.has(dotKey(e.origin, e.lane, e.seq)));
    const records = collect(counting);
    applyClocks(records, pack);
    this.folded = { pack, holes, records };
    return this.folded;
  }

  pack() {
    return this.fold().pack;
  }

  allHoles() {
    return [...this.fold().holes.values()].sort(byDot);
  }

  holes(scope) {
    return this.allHoles().filter((hole) => hole.scope === scope);
  }

  record(scope, type, id) {
    return this.fold().records.get(recordKey(scope, type, id));
  }

  // A record as people see it: { deleted, fields: [{ field, ordered, value, isConflict }] }
  view(record) {
    const liveOf = liveFields(record);
    const fields = [...liveOf].filter(([number]) => number !== 0).map(([number, writes]) => {
      const field = fieldOf(this.pack(), record.type, number);
      return { number, name: field.name, ...fold(field, writes) };
    });
    return { scope: record.scope, type: record.type, id: record.id, fields,
      standing: standing(liveOf) };
  }

  views() {
    return [...this.fold().records.values()].map((record) => this.view(record))
      .filter((view) => view.type >= PACK_TYPES_FROM);
  }

  conflicts() {
    return this.views().flatMap((view) => [
      ...view.fields.filter((field) => field.isConflict).map((field) => ({ ...view, field })),
      ...(view.standing === 'edited while deleted' ? [{ ...view, field: null }] : []),
    ]);
  }

  // Section 7: the state of a scope in 32 bytes.
  digest(scope) {
    return this.digestItems(scope)
      .reduce((digest, item) => H(KIND.digest, digest, encode(item)), Buffer.alloc(32));
  }

  digestItems(scope) {
    const records = [...this.fold().records.values()].filter((record) => record.scope === scope)
      .sort((a, b) => compareNumbers(a.type, b.type) || compareBytes(a.id, b.id))
      .map((record) => [record.type, record.id, [...liveFields(record)].map(([field, writes]) =>
        [field, writes.map((w) => [w.origin, w.lane, w.seq, w.ordinal, w.value])])])
      .filter(([, , fields]) => fields.length > 0);
    const logs = [...this.vector(scope)].sort(([a], [b]) => compareNumbers(a, b))
      .map(([, { origin, lane, seq }]) => [origin, lane, seq]);
    const holes = this.holes(scope).map((h) => [h.origin, h.lane, h.seq, h.reason]);
    return [...records, ...logs, ...holes];
  }
}

const recordKey = (scope, type, id) => `${scope}/${type}/${hex(id)}`;

// Entries -> records: Map(key -> { scope, type, id, writes: Map(field -> [write]) })
function collect(entries) {
  const records = new Map();
  for (const entry of entries) {
    for (const { type, id, ops } of entry.parts.filter((part) => part.ops !== null)) {
      const key = recordKey(entry.scope, type, id);
      if (!records.has(key)) records.set(key, { scope: entry.scope, type, id, writes: new Map() });
      const { writes } = records.get(key);
      for (const op of ops) {
        const { origin, lane, seq, prefix, hlc, quality, actor } = entry;
        const write = { ...op, origin, lane, seq, prefix, hlc, quality, actor };
        writes.set(op.field, [...(writes.get(op.field) ?? []), write]);
      }
    }
  }
  return records;
}

// The live writes of each field that has one, fields ascending, writes by dot.
export function liveFields(record) {
  return new Map([...record.writes].sort(([a], [b]) => a - b)
    .map(([field, writes]) => [field, live(writes).sort(byDot)])
    .filter(([, writes]) => writes.length > 0));
}

function shown(pack, record, field) {
  return fold(fieldOf(pack, record.type, field), live(record.writes.get(field) ?? [])).value;
}

const ofType = (records, type) => [...records.values()].filter((record) => record.type === type);

function newestPack(records) {
  const none = readPack(null);
  return ofType(records, PACK).map((record) => readPack(shown(none, record, 2)))
    .reduce((a, b) => (b.version > a.version ? b : a), none);
}

// dot -> what the verdicts on it say: { hash, standing }
function verdictReasons(records, pack) {
  const found = new Map();
  for (const record of ofType(records, VERDICT)) {
    const target = shown(pack, record, 1);
    if (!target || target[1] === 0) continue;
    const [origin, lane, seq, , , hash] = target;
    const dot = dotKey(origin, lane, seq);
    const verdict = { hash, standing: shown(pack, record, 2) ?? 0 };
    found.set(dot, [...(found.get(dot) ?? []), verdict]);
  }
  return found;
}

// Why this entry does not count; 0 when it does.
function reasonOf(verdicts, entry) {
  const found = (verdicts ?? []).find((v) => v.hash.equals(entry.hash) && v.standing !== 0);
  if (found) return found.standing;
  return entry.parts.some((part) => part.ops !== null) ? 0 : AWAITED;
}

// 6.2: a write's quality is the lowest of its own and of every _clock that covers its dot.
function applyClocks(records, pack) {
  const clocks = ofType(records, CLOCK)
    .map((record) => ({ range: shown(pack, record, 1), quality: shown(pack, record, 2) }))
    .filter(({ range, quality }) => range && quality !== undefined);
  if (clocks.length === 0) return;
  for (const record of records.values()) {
    for (const write of [...record.writes.values()].flat()) {
      for (const { range: [origin, lane, from, to], quality } of clocks) {
        const isCovered = write.origin.equals(origin) && write.lane === lane
          && write.seq >= from && write.seq <= to;
        if (isCovered) write.quality = Math.min(write.quality, quality);
      }
    }
  }
}

