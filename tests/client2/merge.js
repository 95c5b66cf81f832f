// merge.js: which writes stand, what is shown, what is in conflict (protocol.md 6). Pure.
//
// A write is { origin, lane, seq, ordinal, prefix, hlc, quality, value, cites, ... }; its value is
// undefined where it only overwrites. Everything is computed from the set of writes, as the page
// defines it: no order of arrival, no memory.
import { encode } from './cbor.js';
import { compareBytes, compareNumbers, dotKey } from './names.js';

export const writeKey = (write) =>
  `${dotKey(write.origin, write.lane, write.seq)}/${write.ordinal}`;

// 6.1: live(S) = { d in S : d has a value, and no w in S has a citation that is true to d }
export function live(writes) {
  const overwritten = new Set();
  for (const write of writes) {
    for (const cited of write.cites) {
      overwritten.add(`${writeKey(cited)} ${cited.prefix.toString('hex')}`);
    }
  }
  return writes.filter((write) => write.value !== undefined
    && !overwritten.has(`${writeKey(write)} ${write.prefix.toString('hex')}`));
}

// 6.2: the orders
const chain = (...orders) => (a, b) => orders.reduce((found, order) => found || order(a, b), 0);
const by = (of, compare = compareNumbers) => (a, b) => compare(of(a), of(b));
const reversed = (order) => (a, b) => order(b, a);
const valueBytes = (write) => encode(write.value);

export const byDot = chain(by((w) => w.origin, compareBytes), by((w) => w.lane), by((w) => w.seq),
  by((w) => w.ordinal));
const newestFirst = reversed(chain(by((w) => w.quality), by((w) => w.hlc), byDot));
const oldestFirst = chain(by((w) => w.hlc), byDot);
const byValue = chain(by(valueBytes, compareBytes), byDot);

function groups(writes) {
  const found = new Map();
  for (const write of writes) {
    const key = valueBytes(write).toString('hex');
    found.set(key, [...(found.get(key) ?? []), write]);
  }
  return [...found.values()];
}

// 6.2: max and min
const isNumber = (value) => typeof value === 'number' || typeof value === 'bigint';
const ofKind = {
  int: isNumber, time: isNumber, decimal: isNumber,
  text: (value) => typeof value === 'string',
  date: (value) => typeof value === 'string',
  code: (value) => typeof value === 'string',
};

function compareValues(a, b) {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === 'string' && typeof b === 'string') {
    return compareBytes(Buffer.from(a), Buffer.from(b));
  }
  return compareBytes(encode(a), encode(b));
}

// A value of another kind stands behind every one that is of the kind, under max as under min.
function heaviestFirst(field, sign) {
  const isOfKind = ofKind[field.kind] ?? (() => true);
  return chain(reversed(by((w) => Number(isOfKind(w.value)))),
    (a, b) => -sign * compareValues(a.value, b.value), newestFirst);
}

// 6.2: strictest
function strictestFirst(field) {
  const level = (write) => {
    const index = field.codes.indexOf(write.value);
    return index < 0 ? field.codes.length : index;
  };
  const none = Buffer.alloc(0);
  const outside = (write) => (level(write) === field.codes.length ? valueBytes(write) : none);
  return chain(reversed(by(level)), reversed(by(outside, compareBytes)), newestFirst);
}

// 6.2: state
const DISPUTED = Symbol('disputed');

export function follows(field, later, earlier) {
  const seen = new Set([field.codes.indexOf(earlier)]);
  for (const state of seen) {
    for (const [from, to] of field.moves) if (from === state) seen.add(to);
  }
  return later !== earlier && seen.has(field.codes.indexOf(later));
}

function join(field, a, b) {
  if (a === DISPUTED || b === DISPUTED) return DISPUTED;
  if (encode(a).equals(encode(b))) return a;
  const [at, bt] = [field.codes.indexOf(a), field.codes.indexOf(b)];
  if (at < 0 || bt < 0) return DISPUTED;
  if (follows(field, a, b)) return a;
  if (follows(field, b, a)) return b;
  const declared = field.joins.find(([x, y]) => x === Math.min(at, bt) && y === Math.max(at, bt));
  return declared ? field.codes[declared[2]] : DISPUTED;
}

function foldState(field, writes) {
  const joined = groups(writes).map((group) => group[0].value)
    .reduce((a, b) => join(field, a, b));
  const ordered = [...writes].sort(newestFirst);
  if (joined === DISPUTED) return { ordered, value: undefined, isConflict: true };
  const first = ordered.find((write) => encode(write.value).equals(encode(joined)));
  return {
    ordered: first ? [first, ...ordered.filter((write) => write !== first)] : ordered,
    value: joined, isConflict: false,
  };
}

const shownFirst = (writes, order) => {
  const [first] = [...writes].sort(order);
  return [first, ...writes.filter((write) => write !== first).sort(newestFirst)];
};

// The live writes of one field -> { ordered, value, isConflict }: in the order of display; what is
// shown (undefined in a dispute, or where there are many); whether a person must choose.
export function fold(field, writes) {
  if (writes.length === 0) return { ordered: [], value: undefined, isConflict: false };
  if (field.rule === 'state') return foldState(field, writes);
  if (field.rule === 'append') return { ordered: [...writes].sort(oldestFirst), isConflict: false };
  if (field.rule === 'set') {
    const ordered = groups([...writes].sort(byValue)).map(([lowestDot]) => lowestDot);
    return { ordered, isConflict: false };
  }
  const order = {
    once: oldestFirst, max: heaviestFirst(field, 1), min: heaviestFirst(field, -1),
    strictest: strictestFirst(field),
  }[field.rule] ?? newestFirst;
  const ordered = shownFirst(writes, order);
  const mayDiffer = ['last', 'max', 'min', 'strictest'].includes(field.rule);
  return { ordered, value: ordered[0].value, isConflict: !mayDiffer && groups(writes).length > 1 };
}

// 6.4: does this context, the value of a delete, cover the write's dot?
function covers(context, write) {
  return context.some(([origin, lane, seq, holes]) => write.origin.equals(origin)
    && write.lane === lane && write.seq <= seq && !holes.includes(write.seq));
}

// The live writes of all fields, by number -> 'shown', 'deleted' or 'edited while deleted'.
export function standing(fields) {
  const deletes = fields.get(0) ?? [];
  if (deletes.length === 0) return 'shown';
  const others = [...fields].filter(([number]) => number !== 0).flatMap(([, writes]) => writes);
  const isCovered = (write) => deletes.some((deleted) => covers(deleted.value, write));
  return others.every(isCovered) ? 'deleted' : 'edited while deleted';
}
