// bundle.js: what a cut-off station seals for the centre, and what that answers (protocol.md 13).
import {
  createCipheriv, createDecipheriv, createECDH, hkdfSync, sign, verify, X509Certificate,
} from 'node:crypto';
import { decode, encode } from './cbor.js';
import { root } from './head.js';
import { H, KIND, keyId, originOf } from './names.js';
import { isReceipt, receiptLeaf, signReceipt } from './receipt.js';

const CURVE = 'prime256v1';
const POINT = 65;
const TAG = 16;
const SIGNATURE = { dsaEncoding: 'ieee-p1363' }; // r ‖ s

export const pointOf = (spki) => spki.subarray(spki.length - POINT);
const together = (items) => Buffer.concat(items.map((item) => encode(item)));

function derive(secret, point, recipient) {
  const info = Buffer.concat([Buffer.from('holdfast seal 1'), point, recipient]);
  const bytes = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), info, 44));
  return [bytes.subarray(0, 32), bytes.subarray(32)];
}

// `number`: the private half of the key that is made for once.
export function seal(number, recipient, beside, plain) {
  const once = createECDH(CURVE);
  once.setPrivateKey(number);
  const point = once.getPublicKey();
  const [key, nonce] = derive(once.computeSecret(recipient), point, recipient);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(beside);
  return Buffer.concat([point, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

// Throws where it is not for this key, or was altered.
export function open(number, beside, sealed) {
  const own = createECDH(CURVE);
  own.setPrivateKey(number);
  const point = sealed.subarray(0, POINT);
  const [key, nonce] = derive(own.computeSecret(point), point, own.getPublicKey());
  const cipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(beside);
  cipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  return Buffer.concat([cipher.update(sealed.subarray(POINT, sealed.length - TAG)),
    cipher.final()]);
}

const signed = (kind, items, privateKey) => encode([...items,
  sign('sha256', Buffer.concat([Buffer.of(kind), together(items)]),
    { key: privateKey, ...SIGNATURE })]);

const isSigned = (kind, items, publicKey) => verify('sha256',
  Buffer.concat([Buffer.of(kind), together(items.slice(0, -1))]),
  { key: publicKey, ...SIGNATURE }, items.at(-1));

export const bundleId = (bundle) => H(KIND.bundleId, bundle);

// `station`: { certificate, privateKey }; `centre`: its SubjectPublicKeyInfo.
export function makeBundle(station, centre, { number, lane, madeMs, messages, once }) {
  const beside = [1, station.certificate, number, lane, madeMs, keyId(centre)];
  const sealed = seal(once, pointOf(centre), together(beside), encode(messages));
  return signed(KIND.bundle, [...beside, sealed], station.privateKey);
}

// What anyone can tell of one; `messages` where the number is the centre's.
export function readBundle(bundle, number) {
  const items = decode(bundle);
  const [, certificate, serial, lane, madeMs, centre, sealed] = items;
  const { publicKey } = new X509Certificate(certificate);
  return {
    number: serial, lane, madeMs, centre,
    station: keyId(publicKey.export({ type: 'spki', format: 'der' })),
    isSigned: isSigned(KIND.bundle, items, publicKey),
    messages: number && decode(open(number, together(items.slice(0, 6)), sealed)),
  };
}

// Of the logs that the centre has something of: what its receipt is over.
function receiptOf(life, { epoch, timeMs, logs }) {
  const leaves = logs.filter(([, , seq]) => seq > 0)
    .map(([origin, lane, seq, top]) => receiptLeaf(origin, lane, seq, top));
  return leaves.length > 0
    && [{ hub: life, epoch, timeMs, count: leaves.length }, root(leaves)];
}

// `hubs`: the signed list of hubs, or empty.
export function makeAnswer(centre, told) {
  const { bundle, incarnation, epoch, timeMs, code, text, logs, hubs } = told;
  const over = receiptOf(originOf(keyId(centre.spki), incarnation), told);
  const receipt = over ? signReceipt(...over, centre.privateKey) : Buffer.alloc(0);
  return signed(KIND.answer, [1, bundle, centre.certificate, incarnation, epoch, timeMs, code,
    text, logs, receipt, hubs], centre.privateKey);
}

export function readAnswer(answer) {
  const items = decode(answer);
  const [, bundle, certificate, incarnation, epoch, timeMs, code, text, logs, receipt, hubs] = items;
  const { publicKey } = new X509Certificate(certificate);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const over = receiptOf(originOf(keyId(spki), incarnation), { epoch, timeMs, logs });
  return { bundle, incarnation, epoch, timeMs, code, text, logs, hubs,
    isReceipt: over ? isReceipt(...over, receipt, publicKey) : receipt.length === 0,
    isSigned: isSigned(KIND.answer, items, publicKey) };
}
