// names.js: hashes, ids and how they are written (protocol.md 2).
import { createHash, randomBytes } from 'node:crypto';
import { encode } from './cbor.js';

// The first byte of each hash says what it is of.
export const KIND = {
  header: 0x00, chain: 0x01, part: 0x02, leaf: 0x03, node: 0x04, head: 0x05, origin: 0x06,
  feed: 0x07, scopes: 0x08, secret: 0x09, importedRecord: 0x0a, importedRow: 0x0b, digest: 0x0c,
  receipt: 0x0d, receiptLeaf: 0x0e, bundle: 0x14, bundleId: 0x15, answer: 0x16, elsewhere: 0x11,
};

export const sha256 = (...pieces) => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
};

export const H = (kind, ...pieces) => sha256(Buffer.of(kind), ...pieces);

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const bytes = (text) => Buffer.from(text, 'hex');

export const keyId = (spki) => sha256(spki);
export const originOf = (key, incarnation) => H(KIND.origin, key, incarnation).subarray(0, 16);
export const secretHash = (secret) => H(KIND.secret, secret);

export function scopeSetHash(numbers) {
  const set = Buffer.alloc(4 * numbers.length);
  [...numbers].sort((a, b) => a - b).forEach((number, at) => set.writeUInt32BE(number, 4 * at));
  return H(KIND.scopes, set).subarray(0, 16);
}

// Of the logs that one group of HELLO's `elsewhere` names.
export const elsewhereCheck = (logs) => H(KIND.elsewhere,
  ...logs.flatMap(([origin, lane]) => [origin, Buffer.of(lane)])).subarray(0, 8);

// Logs and dots as keys of a Map. They sort as the protocol does: origin as bytes, then lane (one
// digit).
export const logKey = (origin, lane) => `${hex(origin)}/${lane}`;
export const dotKey = (origin, lane, seq) => `${logKey(origin, lane)}/${seq}`;
export const compareBytes = (a, b) => Buffer.compare(a, b);
export const compareNumbers = (a, b) => (a < b ? -1 : a > b ? 1 : 0); // BigInts too

// Crockford base32, lower case, the most significant bit first.
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

export function base32(number, digits) {
  return Array.from({ length: digits },
    (_, at) => DIGITS[Number((number >> BigInt(5 * (digits - 1 - at))) & 31n)]).join('');
}

export function base32Number(text) {
  return [...text].reduce((number, digit) => {
    const value = DIGITS.indexOf(digit);
    if (value < 0) throw new Error(`"${digit}" is no digit of base32`);
    return (number << 5n) | BigInt(value);
  }, 0n);
}

const toBytes = (number, size) => bytes(number.toString(16).padStart(2 * size, '0'));

// 256 bits and four zero bits behind them.
export const secretText = (secret) => base32(BigInt(`0x${hex(secret)}`) << 4n, 52);
export const secretOfText = (text) => toBytes(base32Number(text) >> 4n, 32);

// A record id as text: its 128 bits as one number, so two zero bits stand in front.
export const recordIdText = (typeName, id) => `${typeName}_${base32(BigInt(`0x${hex(id)}`), 26)}`;
export const recordIdOfText = (text) => toBytes(base32Number(text.slice(-26)), 16);

function uuid7(ms, random10) {
  const id = Buffer.alloc(16);
  id.writeUIntBE(ms, 0, 6);
  random10.copy(id, 6);
  id[6] = (id[6] & 0x0f) | 0x70;
  id[8] = (id[8] & 0x3f) | 0x80;
  return id;
}

export const newRecordId = (wallMs) => uuid7(wallMs, randomBytes(10));

export function importedRowDigest(mapping, cells, ordinal) {
  return H(KIND.importedRow, encode([mapping, ...cells, ordinal])).subarray(0, 16);
}

export function importedRecordId({ ms, type, mapping, hasKey, key }) {
  const hash = H(KIND.importedRecord, encode([type, mapping, hasKey, key]));
  return uuid7(ms, hash.subarray(6, 16));
}
