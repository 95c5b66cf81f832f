// pack.js: the schema as data: the compiled pack, its JSON, and the system's own types
// (protocol.md 6.5 to 6.7).
import { decode, encode } from './cbor.js';
import { compareNumbers } from './names.js';

export const RULES = ['keep', 'last', 'last-review', 'once', 'append', 'set', 'state', 'max', 'min',
  'strictest'];
const KINDS = ['any', 'text', 'int', 'bool', 'time', 'date', 'decimal', 'code', 'ref', 'bytes'];
export const PACK_TYPES_FROM = 16; // below are the system's
export const VERDICT = 4;
export const CLOCK = 5;
export const PACK = 1;

const SYSTEM = {
  1: ['_pack', { 1: ['version', 'once'], 2: ['body', 'once'] }],
  2: ['_scope', { 1: ['number', 'once'], 2: ['name', 'once'] }],
  3: ['_device', {
    1: ['key_id', 'once'], 2: ['name', 'last'], 3: ['force', 'last'], 4: ['unit', 'last'],
    5: ['roles', 'set'], 6: ['scopes', 'set'], 7: ['standing', 'state'],
    8: ['certificate', 'last'], 9: ['home', 'once'], 10: ['is_hub', 'once'],
  }],
  4: ['_verdict', { 1: ['target', 'once'], 2: ['standing', 'last'], 3: ['text', 'last'] }],
  5: ['_clock', { 1: ['range', 'once'], 2: ['quality', 'min'] }],
  8: ['_lease', {
    1: ['series', 'once'], 2: ['range', 'once'], 3: ['holder', 'once'], 4: ['key_id', 'once'],
    5: ['granted', 'once'],
  }],
  9: ['_window', { 1: ['from', 'once'], 2: ['until', 'once'], 3: ['why', 'last'],
    4: ['standing', 'state'] }],
};

const STATES = { _device: ['active', 'revoked'], _window: ['planned', 'called_off'] };

const emptyField = { rule: 'keep', kind: 'any', codes: [], moves: [], joins: [] };

function systemTypes() {
  return Object.entries(SYSTEM).map(([number, [name, fields]]) => [Number(number), {
    number: Number(number), name, lane: 0,
    fields: new Map(Object.entries(fields).map(([field, [fieldName, rule]]) => [Number(field), {
      ...emptyField, number: Number(field), name: fieldName, rule,
      ...(rule === 'state' && { codes: STATES[name], moves: [[0, 1]] }),
      ...(rule === 'min' && { kind: 'int' }),
    }])),
  }]);
}

const inGroups = (flat, size) => Array.from({ length: flat.length / size },
  (_, at) => flat.slice(at * size, at * size + size));

function readField(items) {
  const [number, rule, kind, name, label, scale = 0, codes = [], moves = [], joins = []] = items;
  return [number, {
    number, name, label, scale, codes, rule: RULES[rule] ?? 'keep', kind: KINDS[kind] ?? 'any',
    moves: inGroups(moves, 2), joins: inGroups(joins, 3),
  }];
}

// The body of a _pack record, or null before there is one -> { version, types }
export function readPack(body) {
  const [, version, types] = body ? decode(body) : [1, 0, []];
  const own = types.map(([number, lane, title, name, label, fields]) =>
    [number, { number, lane, title, name, label, fields: new Map(fields.map(readField)) }]);
  return { version, types: new Map([...systemTypes(), ...own]) };
}

export const fieldOf = (pack, type, field) => pack.types.get(type)?.fields.get(field) ?? emptyField;
export const typeNamed = (pack, name) =>
  [...pack.types.values()].find((type) => type.name === name);
export const fieldNamed = (type, name) =>
  [...type.fields.values()].find((field) => field.name === name);

function compileField(field) {
  const codes = field.states ?? field.levels ?? field.codes ?? [];
  const index = (code) => codes.indexOf(code);
  const ascending = (a, b) => a[0] - b[0] || a[1] - b[1];
  const moves = (field.moves ?? []).map((move) => move.map(index)).sort(ascending);
  const joins = (field.joins ?? []).map(([a, b, joined]) =>
    [...[index(a), index(b)].sort(compareNumbers), index(joined)]).sort(ascending);
  const items = [field.number, RULES.indexOf(field.rule ?? 'keep'),
    KINDS.indexOf(field.kind ?? 'code'), field.name, field.label,
    field.scale ?? 0, codes, moves.flat(), joins.flat()];
  if (field.rule === 'state') return items; // all nine, also when no join is declared
  const isEmpty = (item) => item === 0 || item.length === 0;
  while (items.length > 5 && isEmpty(items[items.length - 1])) items.pop();
  return items;
}

// The JSON of section 6.7 to the bytes of section 6.6. It judges nothing: that is the compiler's.
export function compilePack(json) {
  const byNumber = (a, b) => a.number - b.number;
  return encode([1, json.version, [...json.types].sort(byNumber).map((type) => {
    const title = type.fields.find((field) => field.name === type.title)?.number ?? 0;
    const numberOf = (name) => type.fields.find((field) => field.name === name).number;
    const { reference: r } = type;
    const series = r && [numberOf(r.field), numberOf(r.aliases), r.series, r.format, r.block];
    return [type.number, type.lane, title, type.name, type.label,
      [...type.fields].sort(byNumber).map(compileField), ...(series ? [series] : [])];
  })]);
}
