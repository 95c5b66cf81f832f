#!/usr/bin/env node
// vectors.js: writes tests/vectors/hashes.json: hashes, ids and signatures as protocol.md has them,
// computed here, for others to check themselves by; and in frame_c.json the messages that are ours.
// `./vectors.js` writes the files; tests make it all again and compare. Nothing in it is random but the key that signs: it is thrown away at once,
// and what it signed is kept while it holds.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { decode, encode } from './cbor.js';
import { partHash, readEntry, writeHeader, writePart } from './entry.js';
import { writeFrame, writeMessage } from './frames.js';
import { feedNext, headInput, headIsSigned, leafHash, pathOf, root, signHead } from './head.js';
import {
  bytes, elsewhereCheck, hex, importedRecordId, importedRowDigest, keyId, originOf, recordIdText, scopeSetHash,
  secretHash, secretText, sha256,
} from './names.js';
import { VERDICT } from './pack.js';
import { Replica } from './replica.js';

export const COLUMNS_FILE = new URL('../vectors/frame_c.json', import.meta.url);
export const FILE = new URL('../vectors/hashes.json', import.meta.url);

const fixed = (name, size) => sha256(Buffer.from(name)).subarray(0, size);
const MS = 1571659200000;
const hlc = (after) => (BigInt(MS + after) << 16n) + 3n;

const OTHER = { keyId: fixed('another key', 32), incarnation: fixed('another life', 16) };
const HUB = { keyId: fixed("the hub's key", 32), incarnation: fixed("the hub's life", 16) };
const originOfKey = (of) => originOf(of.keyId, of.incarnation);
const [other, hub] = [OTHER, HUB].map(originOfKey);
const CRIME = 16;
const recordId = (name) => bytes(`016dee303600${hex(fixed(name, 10))}`.replace(
  /^(.{12}).(.{3}).(.*)$/, '$17$2b$3'));

// Entries, in the order in which a replica takes them.
class History {
  constructor() {
    this.replica = new Replica();
  }

  add(origin, lane, scope, parts, { erased = [] } = {}) {
    const own = this.replica.logEntries(origin, lane);
    const seq = own.length + 1;
    const list = parts.map(({ type = CRIME, record, ops }, at) => writePart({
      salt: fixed(`salt ${hex(origin)} ${lane} ${seq} ${at}`, 8), type, id: recordId(record),
      ops: ops.map(([field, cites, value, reason = null]) => ({ field, cites, value, reason })),
    }, { origin, lane }));
    const body = [seq, this.replica.heldOf(scope, origin, lane).seq, scope,
      hlc(this.replica.entries.length), 3, 1, 'PC 4411 Rees',
      seq === 2 ? fixed('transaction', 8) : null,
      list.map((part, at) => (erased.includes(at) ? [partHash(part)] : part))];
    const entry = readEntry(origin, lane, decode(encode(body)));
    this.replica.add(entry);
    return entry;
  }
}

const cite = (entry, ordinal = 0) => ({ ...entry, ordinal });

// One of everything that a digest or a hash may meet.
function makeHistory(author) {
  const history = new History();
  const crime = (record, ...ops) => [{ record, ops }];
  const first = history.add(author, 3, 7, crime('a', [10, [], 'Burglary'], [18, [], -1]));
  const second = history.add(author, 3, 7, crime('a', [10, [cite(first)], 'Robbery', 'as she said'],
    [25, [], 'distraction'], [25, [], 'online'], [28, [], 'rang the doorbell']));
  history.add(other, 3, 7, crime('a', [10, [cite(first)], 'Drugs'],
    [25, [cite(second, 1)], undefined]));
  history.add(author, 3, 9, [{ record: 'a', ops: [[27, [], 'in another scope']] },
    { record: 'b', ops: [[20, [], [[CRIME, recordId('a')]]]] }]);
  const withheld = history.add(other, 3, 7, crime('c', [27, [], 'not to be read']));
  history.add(other, 2, 7, crime('c', [27, [cite(withheld)], 'overwrites a hole']));
  history.add(other, 3, 7, crime('d', [27, [], 'never shown here']), { erased: [0] });
  const judge = (entry, standing, cites = []) => history.add(hub, 0, 7, [{ type: VERDICT,
    record: `on ${entry.seq}`, ops: [
      ...(cites.length ? [] : [[1, [], [entry.origin, entry.lane, entry.seq, entry.scope,
        entry.pseq, entry.hash]]]),
      [2, cites, standing], [3, cites, `standing ${standing}`]] }]);
  judge(withheld, 603);
  const opened = history.add(other, 3, 7, crime('c', [12, [], 'withheld, then not']));
  judge(opened, 0, [cite(judge(opened, 604))]);
  judge({ ...first, hash: fixed('an entry of another branch', 32) }, 603); // so it says nothing
  history.add(other, 5, 7, [...crime('g', [27, [], 'this part stays']),
    ...crime('h', [27, [], 'this one was erased by law'])], { erased: [1] });
  history.add(author, 3, 7, crime('e', [27, [], 'gone soon']));
  const seen = [[author, 3, 4, []], [other, 3, 3, [2, 3]]].sort(([a], [b]) => Buffer.compare(a, b));
  history.add(author, 3, 7, crime('e', [0, [], seen, 'entered twice']));
  const anything = new Map([[1, null], ['a', [true, 2n ** 64n - 1n]]]);
  history.add(author, 1, 9, crime('f', [12, [], anything]));
  return history.replica;
}

function headVector(replica, author) {
  const own = replica.logEntries(author, 3);
  const last = own[own.length - 1];
  const lastOf = new Map(own.map((entry) => [entry.scope, entry]));
  const leaves = [...lastOf.values()].sort((a, b) => a.scope - b.scope)
    .map(({ scope, seq, chain }) => ({ scope, seq, chain, hash: leafHash(scope, seq, chain) }));
  const hashes = leaves.map(({ hash }) => hash);
  const head = { origin: author, lane: 3, seq: last.seq, hlc: last.hlc, root: root(hashes) };
  return { ...head, leaves: leaves.map((leaf, at) => ({ ...leaf, path: pathOf(hashes, at) })),
    signed: headInput(head) };
}

// Trees of every shape up to 9 leaves; leaf i is scope i, seq i, a chain of bytes i.
function treeVectors() {
  const leaves = Array.from({ length: 9 }, (_, at) => leafHash(at + 1, at + 1,
    Buffer.alloc(32, at + 1)));
  return leaves.map((_, at) => leaves.slice(0, at + 1)).map((some) => ({
    count: some.length, root: root(some), paths: some.map((__, at) => pathOf(some, at)),
  }));
}

function feedVector(replica) {
  const epoch = fixed('epoch', 16);
  let chain = epoch;
  const after = replica.entries.map((entry) => {
    chain = feedNext(chain, entry.chain);
    return chain;
  });
  return { epoch, after };
}

function importVectors() {
  const mapping = Buffer.from('data.police.uk street');
  const rows = [
    { cells: ['', '2018-10', 'City of London Police'], ordinal: 0 },
    { cells: ['', '2018-10', 'City of London Police'], ordinal: 1 },
    { cells: [], ordinal: 0 },
  ].map(({ cells, ordinal }) => {
    const raw = cells.map((cell) => Buffer.from(cell));
    return { mapping, cells: raw, ordinal, digest: importedRowDigest(mapping, raw, ordinal) };
  });
  const records = [
    { ms: 1538352000000, hasKey: true, key: Buffer.from('f4ce5ed0142e02de') },
    { ms: 0, hasKey: false, key: rows[0].digest },
  ].map((of) => ({ ...of, type: 'crime', mapping,
    id: importedRecordId({ ...of, type: 'crime', mapping }) }));
  return { rows, records };
}

function makeWith(spki, sign) {
  const key = { keyId: keyId(spki), incarnation: fixed('incarnation', 16) };
  const author = originOfKey(key);
  const replica = makeHistory(author);
  const head = headVector(replica, author);
  const secret = fixed('secret', 32);
  return plain({
    about: 'Hashes, ids and signatures of protocol.md, written by tests/client2/vectors.js. '
      + 'Bytes are hex; entries stand in the order in which they are taken.',
    key: { spki, key_id: keyId(spki) },
    origins: [key, OTHER, HUB].map((of) => ({ key_id: of.keyId, incarnation: of.incarnation,
      origin: originOfKey(of) })),
    record_ids: ['a', 'b'].map((name) => ({ type: 'crime', id: recordId(name),
      text: recordIdText('crime', recordId(name)) })),
    scope_sets: [[], [1], [300, 1, 7]].map((numbers) => ({ numbers, hash: scopeSetHash(numbers) })),
    elsewhere: [[[author, 3]], [[other, 3], [author, 1], [hub, 0]]].map((logs) =>
      ({ logs, check: elsewhereCheck(logs) })),
    secret: { secret, text: secretText(secret), hash: secretHash(secret) },
    entries: replica.entries.map((entry) => ({
      origin: entry.origin, lane: entry.lane, body: encode(entry.body),
      header: writeHeader(entry.origin, entry.lane, entry.body, entry.parts.map((p) => p.hash)),
      part_hashes: entry.parts.map((part) => part.hash), hash: entry.hash, chain: entry.chain,
    })),
    head: { ...head, signature: sign(head) },
    trees: treeVectors(),
    feed: feedVector(replica),
    digests: [7, 9].map((scope) => ({ scope, digest: replica.digest(scope),
      items: replica.digestItems(scope).map((item) => encode(item)) })),
    imports: importVectors(),
  });
}

// Frames for frame_c.json. The history has entries of many shapes, one with an erased part; `plainly`
// adds a run of one shape, as most are.
export function columnFrames() {
  const author = originOfKey({ keyId: fixed('columns', 32), incarnation: fixed('incarnation', 16) });
  const replica = makeHistory(author);
  const bodiesOf = (origin, lane) => replica.logEntries(origin, lane).map(({ body }) => body);
  const plainly = new History();
  for (let at = 0; at < 12; at += 1) {
    plainly.add(author, 3, 7, [{ record: `plain ${at}`, ops: [[10, [], 'Burglary'],
      [27, [], `Window ${at} forced`]] }]);
  }
  const runs = [[1, 3, plainly.replica.entries.map(({ body }) => body)], [2, 3, bodiesOf(other, 3)],
    [3, 0, bodiesOf(hub, 0)], [2, 2, bodiesOf(other, 2)]];
  return [
    { what: 'PUSH of entries of several shapes, citations set aside (written by tests/client2)',
      frame: { type: 'PUSH', origin: 0, lane: 3, bodies: bodiesOf(author, 3) } },
    { what: 'FEED of four runs, one of a hub, a part erased (written by tests/client2)',
      frame: { type: 'FEED', from: 70000, to: 70300, chain: fixed('feed chain', 16), runs } },
  ];
}

// Others' messages stay as they are.
function writeColumnVectors() {
  const own = columnFrames();
  const others = JSON.parse(readFileSync(COLUMNS_FILE, 'utf8'))
    .filter(({ what }) => own.every((vector) => vector.what !== what));
  const made = own.map(({ what, frame }) => ({ what, frame: hex(writeFrame(frame)),
    message: hex(writeMessage(frame)) }));
  writeFileSync(COLUMNS_FILE, `${JSON.stringify([...others, ...made], null, 2)}\n`);
}

// With the key of the vectors that are there, as long as its signature is good.
export function makeVectors(before) {
  if (before) {
    const spki = bytes(before.key.spki);
    const signature = bytes(before.head.signature);
    const publicKey = createPublicKey({ key: spki, type: 'spki', format: 'der' });
    let isGood = false;
    const made = makeWith(spki, (head) => {
      isGood = headIsSigned({ ...head, signature }, publicKey);
      return signature;
    });
    if (isGood) return made;
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return makeWith(publicKey.export({ type: 'spki', format: 'der' }),
    (head) => signHead(head, privateKey));
}

// Bytes as hex; numbers that JSON's readers would round, as text.
function plain(value) {
  if (Buffer.isBuffer(value)) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

export const readVectors = () =>
  (existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : undefined);

if (process.argv[1] === new URL(import.meta.url).pathname) {
  writeFileSync(FILE, `${JSON.stringify(makeVectors(readVectors()), null, 1)}\n`);
  writeColumnVectors();
}
