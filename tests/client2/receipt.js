// receipt.js: what a hub signed, as a file that anyone can check by the CA alone (protocol.md 10).
import { sign, verify, X509Certificate } from 'node:crypto';
import { decode, encode } from './cbor.js';
import { chainNext, readEntry } from './entry.js';
import { leafHash, rootFromPath } from './head.js';
import { H, KIND, keyId, originOf } from './names.js';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const SIGNATURE = { dsaEncoding: 'ieee-p1363' }; // r ‖ s
const SIZE_MAX = 1048576;
const LINKS_MAX = 16384;
const MAGIC = 'holdfast-receipt';

// Why a file proves nothing: cut, authority, hub, record, path, log, signature.
export class NoProof extends Error {
  constructor(why) {
    super(`the receipt proves nothing: ${why}`);
    this.why = why;
  }
}

const must = (isSo, why) => {
  if (!isSo) throw new NoProof(why);
};
const isBytes = (value, size) => Buffer.isBuffer(value) && (!size || value.length === size);
const isList = (value, size) => Array.isArray(value) && (!size || value.length === size);
const isUint = Number.isSafeInteger;

export const receiptLeaf = (origin, lane, seq, logRoot) =>
  H(KIND.receiptLeaf, encode([origin, lane, seq, logRoot]));

// What is signed. SHA-256 of it is the digest that ECDSA takes.
const sealInput = ({ hub, epoch, timeMs, count }, root) =>
  Buffer.concat([Buffer.of(KIND.receipt), encode([hub, epoch, timeMs, count, root])]);

export const isReceipt = (of, root, signature, publicKey) =>
  verify('sha256', sealInput(of, root), { key: publicKey, ...SIGNATURE }, signature);

export const signReceipt = (of, root, privateKey) =>
  sign('sha256', sealInput(of, root), { key: privateKey, ...SIGNATURE });

function readKey([incarnation, der], ca) {
  must(isBytes(incarnation, 16) && isBytes(der), 'cut');
  let certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    throw new NoProof('authority');
  }
  must(!certificate.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey),
    'authority');
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return {
    name: /^CN=(.*)$/m.exec(certificate.subject)[1],
    isHub: certificate.keyUsage?.includes(SERVER_AUTH) ?? false,
    publicKey: certificate.publicKey,
    id: originOf(keyId(spki), incarnation),
  };
}

function readBody(body, run, record, hash) {
  let entry;
  try {
    entry = readEntry(run.author.id, run.lane, body);
  } catch {
    throw new NoProof('record');
  }
  const whole = entry.parts.filter((part) => part.ops !== null);
  must(entry.scope === run.scope && entry.seq <= run.leafSeq && whole.length === 1
    && whole[0].type === record.type && whole[0].id.equals(record.id)
    && entry.hash.equals(hash), 'record');
  return { lane: run.lane, seq: entry.seq, origin: run.author.id, actor: entry.actor, hash,
    author: run.author.name };
}

function checkRun(item, keys, record) {
  must(isList(item, 7), 'cut');
  const [author, lane, scope, start, links, leaf, seal] = item;
  must(keys[author] && isBytes(start, 32) && isList(links) && isList(leaf, 5) && isList(seal, 9),
    'cut');
  const [leafSeq, chain, index, count, path] = leaf;
  const [hub, epoch, timeMs, seq, logRoot, at, logs, way, signature] = seal;
  must(keys[hub] && isBytes(epoch, 16) && isUint(timeMs) && isBytes(signature, 64), 'cut');
  must(keys[hub].isHub, 'hub');
  const run = { author: keys[author], lane, scope, leafSeq };
  let reached = start;
  const entries = [];
  for (const link of links) {
    const hash = isList(link, 2) ? link[0] : link;
    must(isBytes(hash, 32), 'cut');
    if (isList(link)) entries.push(readBody(link[1], run, record, hash));
    reached = chainNext(reached, hash);
  }
  must(entries.length > 0 && reached.equals(chain), 'path');
  const found = rootFromPath(leafHash(scope, leafSeq, chain), index, count, path);
  must(found, 'path');
  must(leafSeq <= seq && found.equals(logRoot), 'log');
  const top = rootFromPath(receiptLeaf(run.author.id, lane, seq, logRoot), at, logs, way);
  must(top, 'log');
  const input = sealInput({ hub: keys[hub].id, epoch, timeMs, count: logs }, top);
  must(verify('sha256', input, { key: keys[hub].publicKey, ...SIGNATURE }, signature), 'signature');
  return entries.map((entry) => ({ ...entry, hub: keys[hub].name, timeMs }));
}

// The file's bytes and the CA's certificate -> what it proves; NoProof when it proves nothing.
export function checkReceipt(file, ca) {
  let items;
  try {
    items = decode(file);
  } catch {
    throw new NoProof('cut');
  }
  must(file.length <= SIZE_MAX && isList(items, 5) && items[0] === MAGIC && items[1] === 1, 'cut');
  const [, , [type, id], keyItems, runs] = items;
  const keys = keyItems.map((key) => readKey(key, ca));
  must(runs.length > 0 && runs.reduce((sum, run) => sum + run[4].length, 0) <= LINKS_MAX, 'cut');
  const record = { type, id };
  return { ...record, entries: runs.flatMap((run) => checkRun(run, keys, record)) };
}

// The reference of an entry, for the telephone.
export function reference(hash) {
  const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  const bits = BigInt(`0x${hash.subarray(0, 5).toString('hex')}`) >> 5n;
  const digits = Array.from({ length: 7 }, (_, at) => Number((bits >> BigInt(5 * (6 - at))) & 31n));
  const double = (value) => ((value << 1) ^ (value & 16 ? 0x25 : 0)) & 31;
  const check = double(digits.reduce((sum, digit) => double(sum) ^ digit, 0));
  const text = [...digits, check].map((digit) => DIGITS[digit]).join('');
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}

export const receiptFile = ({ type, id, keys, runs }) => encode([MAGIC, 1, [type, id], keys, runs]);
