#!/usr/bin/env node
// receipt_vectors.js: writes tests/vectors/receipt.json: receipts as files, some good, the others each
// wrong in one way. The keys that sign are made for it and thrown away, so each run writes other
// bytes; what they prove stays the same.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from './cbor.js';
import { chainNext, partHash, readEntry, writePart, CHAIN_0 } from './entry.js';
import { leafHash, pathOf, root } from './head.js';
import { bytes, hex, keyId, originOf, sha256 } from './names.js';
import { receiptFile, receiptLeaf, reference, signReceipt } from './receipt.js';

export const FILE = new URL('../vectors/receipt.json', import.meta.url);
const MS = 1571659200000;
const CRIME = 16;
const fixed = (name, size) => sha256(Buffer.from(name)).subarray(0, size);
const RECORD = bytes('016dee3036007a2b8a2b112233445566');

// A CA and the certificates by it, with the system's own tool.
export class Authority {
  constructor(name) {
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-vectors-'));
    this.key('ca');
    this.run('req', '-x509', '-key', 'ca.key', '-subj', `/CN=${name}`, '-days', '36500', '-out',
      'ca.pem', '-addext', 'keyUsage=critical,keyCertSign');
  }

  run(...words) {
    execFileSync('openssl', words, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  key(name) {
    this.run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  }

  issue(name, usage) {
    this.key(name);
    writeFileSync(join(this.folder, 'ext'), `extendedKeyUsage=${usage}\nbasicConstraints=CA:FALSE\n`);
    this.run('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', 'csr');
    this.run('x509', '-req', '-in', 'csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
      '-days', '36500', '-sha256', '-extfile', 'ext', '-out', `${name}.pem`);
    const certificate = new X509Certificate(readFileSync(join(this.folder, `${name}.pem`)));
    const incarnation = fixed(`life of ${name}`, 16);
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return { id: originOf(keyId(spki), incarnation), item: [incarnation, certificate.raw], spki,
      privateKey: createPrivateKey(readFileSync(join(this.folder, `${name}.key`))) };
  }

  get pem() {
    return readFileSync(join(this.folder, 'ca.pem'), 'utf8');
  }

  close() {
    rmSync(this.folder, { recursive: true });
  }
}

// One log in three scopes; the record is written in scope 7 alone, at seq 2 and 5.
function makeLog(author) {
  const lastOf = new Map();
  return [7, 7, 9, 7, 7, 11, 7].map((scope, at) => {
    const seq = at + 1;
    const isOurs = seq === 2 || seq === 5;
    const part = (id, text) => writePart({ salt: fixed(`salt ${seq} ${text}`, 8), type: CRIME, id,
      ops: [{ field: 27, cites: [], value: text, reason: null }] }, { origin: author, lane: 3 });
    const list = [part(isOurs ? RECORD : fixed(`record ${seq}`, 16), `written at ${seq}`)];
    if (seq === 5) list.push(part(fixed('another', 16), 'of another record'));
    const before = lastOf.get(scope);
    const body = [seq, before?.seq ?? 0, scope, (BigInt(MS + seq * 1000) << 16n), 3, 1,
      'PC 4411 Rees', null, list];
    const entry = readEntry(author, 3, decode(encode(body)));
    entry.chain = chainNext(before?.chain ?? CHAIN_0, entry.hash);
    lastOf.set(scope, entry);
    return entry;
  });
}

// As the file has it: parts of other records as their hashes.
function shortened(entry) {
  const list = entry.body[8].map((part, at) =>
    (entry.parts[at].id.equals(RECORD) ? part : [partHash(part)]));
  return [...entry.body.slice(0, 8), list];
}

// The run from the record's entry at `from` to what a receipt at `upTo` covers in scope 7.
function makeRun({ log, author, hub, from, upTo, timeMs }) {
  const held = log.filter((entry) => entry.seq <= upTo);
  const lastOf = new Map(held.map((entry) => [entry.scope, entry]));
  const scopes = [...lastOf.values()].sort((a, b) => a.scope - b.scope);
  const leaves = scopes.map((entry) => leafHash(entry.scope, entry.seq, entry.chain));
  const mine = scopes.findIndex((entry) => entry.scope === 7);
  const others = ['a', 'b', 'c', 'd'].map((name) =>
    receiptLeaf(fixed(`log ${name}`, 16), 2, 9, fixed(`root ${name}`, 32)));
  const top = root(leaves);
  const logs = [...others.slice(0, 3), receiptLeaf(author.id, 3, upTo, top), others[3]];
  const epoch = fixed('epoch', 16);
  const signature = signReceipt({ hub: hub.id, epoch, timeMs, count: logs.length }, root(logs),
    hub.privateKey);
  const links = held.filter((entry) => entry.scope === 7 && entry.seq >= from).map((entry) =>
    (entry.seq === 2 || entry.seq === 5 ? [entry.hash, shortened(entry)] : entry.hash));
  const before = log[from - 1].pseq ? log[log[from - 1].pseq - 1].chain : CHAIN_0;
  return [1, 3, 7, before, links,
    [scopes[mine].seq, scopes[mine].chain, mine, leaves.length, pathOf(leaves, mine)],
    [0, epoch, timeMs, upTo, top, 3, logs.length, pathOf(logs, 3), signature]];
}

// [what, why it is refused, what is done to the file's items]
const HARMS = [
  ['a word of the record is another', 'record', ([, , , , [run]]) => {
    const body = run[4][0][1];
    body[8][0] = Buffer.concat([body[8][0].subarray(0, -1), Buffer.from('3')]);
  }],
  ['it is said to be of another record', 'record', ([, , record]) => {
    record[1] = fixed('another', 16);
  }],
  ['another acted', 'record', ([, , , , [run]]) => {
    run[4][0][1][6] = 'PC 4412 Rees';
  }],
  ['an entry between is left out', 'path', ([, , , , [run]]) => {
    run[4].splice(1, 1);
  }],
  ['it begins elsewhere', 'path', ([, , , , [run]]) => {
    run[3] = fixed('elsewhere', 32);
  }],
  ['the way through the scopes is too short', 'path', ([, , , , [run]]) => {
    run[5][4].pop();
  }],
  ['it leads to another log', 'log', ([, , , , [run]]) => {
    run[6][4] = fixed('another log', 32);
  }],
  ['the way through the logs is too long', 'log', ([, , , , [run]]) => {
    run[6][7].push(fixed('one more', 32));
  }],
  ['a second earlier', 'signature', ([, , , , [run]]) => {
    run[6][2] -= 1000;
  }],
  ['another place in the tree', 'signature', ([, , , , [run]]) => {
    run[6][5] = 2;
  }],
  ['another epoch', 'signature', ([, , , , [run]]) => {
    run[6][1] = fixed('another epoch', 16);
  }],
  ['another life of the hub', 'signature', ([, , , [hub]]) => {
    hub[0] = fixed('another life', 16);
  }],
  ['the second run is of an earlier hour', 'signature', ([, , , , [, run]]) => {
    run[6][2] -= 3600000;
  }],
  ['the device stands where the hub should', 'hub', ([, , , keys]) => {
    keys[0] = keys[1];
  }],
  ['no run', 'cut', (items) => {
    items[4] = [];
  }],
];

function make(authority, other) {
  const hub = authority.issue('hub.example', 'serverAuth');
  const author = authority.issue('rees', 'clientAuth');
  const stranger = other.issue('hub.example', 'serverAuth');
  const log = makeLog(author.id);
  const runs = [
    makeRun({ log, author, hub, from: 2, upTo: 4, timeMs: MS + 10000 }),
    makeRun({ log, author, hub, from: 5, upTo: 7, timeMs: MS + 70000 })];
  const file = { type: CRIME, id: RECORD, keys: [hub.item, author.item], runs };
  const proves = (some) => some.map((seq) => ({ seq, hash: hex(log[seq - 1].hash),
    reference: reference(log[seq - 1].hash), actor: 'PC 4411 Rees', author: 'rees',
    hub: 'hub.example', time_ms: seq === 2 ? MS + 10000 : MS + 70000 }));
  const whole = receiptFile(file);
  const harmed = HARMS.map(([what, refused, harm]) => {
    const items = decode(whole);
    harm(items);
    return { what, file: hex(encode(items)), refused };
  });
  return [
    { what: 'two entries, under two receipts', file: hex(whole), proves: proves([2, 5]) },
    { what: 'one of them alone', file: hex(receiptFile({ ...file, runs: [runs[0]] })),
      proves: proves([2]) },
    ...harmed,
    { what: 'the hub is of another authority', refused: 'authority',
      file: hex(receiptFile({ ...file, keys: [stranger.item, author.item] })) },
    { what: 'cut short', refused: 'cut', file: hex(whole.subarray(0, -1)) },
    { what: 'a byte behind it', refused: 'cut', file: hex(Buffer.concat([whole, Buffer.of(0)])) },
  ];
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [authority, other] = [new Authority('the authority'), new Authority('another')];
  const vectors = {
    about: 'Receipts as files (protocol.md 10.1), written by tests/client2/receipt_vectors.js: what '
      + 'each proves to one who has this CA, or why it is refused.',
    ca: authority.pem, files: make(authority, other),
  };
  writeFileSync(FILE, `${JSON.stringify(vectors, null, 1)}\n`);
  authority.close();
  other.close();
}
