// frames.js: one websocket message to one frame, and back (protocol.md 4).
import { readFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  ARRAY, decode, encode, encodeHead, DEPTH_MAX, LIMIT, MALFORMED, Refused,
} from './cbor.js';
import { standUp } from './columns.js';
import { layDown } from './cut.js';

export const MESSAGE_MAX = 262144;
const FRAME_MAX = 1048576;
const RATIO_MAX = 64;
const Z_FROM = 128; // a frame of more bytes may be squeezed
const FRAME_DEPTH = 1 + DEPTH_MAX; // each item of the frame counts anew
const DICTIONARY = readFileSync(new URL('../../sync/dictionary.bin', import.meta.url));
const Z = 60;
const C = 61;
const C_FROM = 4; // entries
const UNKNOWN_IGNORED_FROM = 128;

// The items behind the type, in order. What lists hold is in protocol.md 4's table.
export const FRAMES = {
  HELLO: [1, 'min', 'max', 'implementation', 'origins', 'pack', 'resume', 'wallMs', 'heads'],
  WELCOME: [2, 'protocol', 'implementation', 'hub', 'epoch', 'position', 'chain', 'wallMs',
    'yours', 'scopes', 'verdict', 'window', 'pack'],
  VECTOR: [3, 'scope', 'from', 'to', 'logs'],
  ENTRIES: [4, 'runs'],
  VECTOR_DONE: [5, 'scope', 'to'],
  START: [6, 'position', 'chain'],
  ORIGIN: [7, 'index', 'keyId', 'incarnation', 'certificate'],
  LACK: [8, 'scope', 'logs'],
  REFILL: [9, 'origin', 'lane', 'scope', 'proof', 'bodies', 'hashes'],
  PUSH: [10, 'origin', 'lane', 'bodies'],
  ACK: [11, 'logs', 'notices'],
  FEED: [12, 'from', 'to', 'chain', 'runs'],
  FEED_ACK: [13, 'position'],
  HEAD: [14, 'origin', 'lane', 'seq', 'hlc', 'root', 'signature'],
  HEADS: [15, 'heads', 'number'],
  RENEW: [16],
  CERTIFICATE: [17, 'certificate', 'text'],
  RELAY: [18, 'origin', 'lane', 'bodies', 'withheld', 'seq', 'hlc', 'root', 'signature'],
  RENEW_FOR: [19, 'keyId'],
  HAD: [24, 'bits'],
  OFFER: [30, 'number', 'position', 'chain', 'scopes'],
  WANT: [31, 'offer', 'hash', 'offset'],
  CHUNK: [32, 'hash', 'offset', 'bytes'],
  TAKEN: [33, 'frames'],
  ASK: [36, 'series'],
  LEASE: [37, 'blocks'],
  ASK_FOR: [38, 'origin', 'series'],
  RECEIPT: [20, 'hub', 'epoch', 'timeMs', 'signature', 'logs'],
  RECEIPT_FOR: [21, 'origin', 'lane', 'seq'],
  CARRY: [44, 'bundles'],
  FETCH: [45, 'bundle', 'stage', 'offset'],
  PIECE: [46, 'bundle', 'stage', 'offset', 'bytes'],
  CARRIED: [47, 'bundles'],
  CREDIT: [40, 'lane', 'entries', 'bytes'],
  HUBS: [41, 'list'],
  PING: [50, 'nonce'],
  PONG: [51, 'nonce', 'wallMs'],
  PROBE: [52, 'number', 'wallMs', 'waiting', 'oldestMs', 'freeMib', 'pack', 'outages', 'windows'],
  PROBED: [53, 'number', 'wallMs'],
  ERROR: [62, 'code', 'text'],
  BYE: [63, 'code', 'retryAfterMs'],
};
// And may be left out; `at` we read but do not send: when it was made.
const MAY_FOLLOW = { HELLO: ['receipts', 'capabilities', 'passed', 'elsewhere'],
  WELCOME: ['former', 'centre'], VECTOR: ['heads'], VECTOR_DONE: ['had'], ACK: ['at'], ASK: ['held'],
  FEED_ACK: ['at'], TAKEN: ['at'], PROBED: ['held'] };
const BY_NUMBER = new Map(Object.entries(FRAMES).map(([name, [number, ...items]]) =>
  [number, { name, items }]));

// { type: 'START', position, chain } -> the frame's bytes
export function writeFrame(frame) {
  const [number, ...items] = FRAMES[frame.type];
  const more = (MAY_FOLLOW[frame.type] ?? []).filter((item) => frame[item] !== undefined);
  return encode([number, ...items.concat(more).map((item) => frame[item])]);
}

function must(isSo, text) {
  if (!isSo) throw new Refused(MALFORMED, text);
}

const isUint = (value) => (typeof value === 'number' || typeof value === 'bigint') && value >= 0;

// The bytes that were deflated, which must be exactly `size`.
function inflate(dictionary, size, deflated) {
  must(dictionary === 1 && Buffer.isBuffer(deflated), 'a Z or C frame that is none');
  must(isUint(size) && size >= 1, 'a length that is none');
  if (size > FRAME_MAX || size > RATIO_MAX * deflated.length) {
    throw new Refused(LIMIT, 'a frame that swells too much');
  }
  let found;
  try {
    found = inflateRawSync(deflated,
      { dictionary: DICTIONARY, maxOutputLength: FRAME_MAX, info: true });
  } catch (trouble) {
    throw new Refused(MALFORMED, `deflated bytes that do not open: ${trouble.message}`);
  }
  must(found.buffer.length === size && found.engine.bytesWritten === deflated.length,
    'deflated bytes of another length');
  return found.buffer;
}

function openZ(items) {
  must(items.length === 4, 'a Z frame of another size');
  const [, dictionary, rawLength, deflated] = items;
  return inflate(dictionary, rawLength, deflated);
}

function openC(items) {
  must(items.length === 6 && Buffer.isBuffer(items[5]), 'a C frame of another size');
  const [, dictionary, rawLength, streamLength, deflated, plain] = items;
  must(isUint(rawLength), 'a length that is none');
  if (rawLength > FRAME_MAX) throw new Refused(LIMIT, 'a frame too long');
  const frame = standUp(inflate(dictionary, streamLength, deflated), plain);
  must(frame.length === rawLength, 'a C frame of another length');
  return frame;
}

const OPEN = new Map([[Z, openZ], [C, openC]]);
const items = (bytes) => decode(bytes, { depthMax: FRAME_DEPTH });

// The frame's bytes within a Z or C frame; of any other, its own.
export function openMessage(message) {
  if (message.length > MESSAGE_MAX) throw new Refused(LIMIT, 'a message too long');
  const outer = items(message);
  const open = Array.isArray(outer) && OPEN.get(outer[0]);
  return open ? open(outer) : message;
}

// A message -> { type, ... }, or null for a frame that is to be ignored.
export function readMessage(message) {
  const bytes = openMessage(message);
  const frame = items(bytes);
  must(Array.isArray(frame) && Number.isSafeInteger(frame[0]) && frame[0] >= 0,
    'a message that is no frame');
  must(!OPEN.has(frame[0]), 'a Z or C frame within another');
  const shape = BY_NUMBER.get(frame[0]);
  if (!shape && frame[0] >= UNKNOWN_IGNORED_FROM) return null;
  must(shape && frame.length > shape.items.length, `frame ${frame[0]} is unknown or too short`);
  const named = shape.items.concat(MAY_FOLLOW[shape.name] ?? []);
  const found = Object.fromEntries([['type', shape.name],
    ...named.slice(0, frame.length - 1).map((item, at) => [item, frame[at + 1]])]);
  must(found.at === undefined || (isUint(found.at) && found.at < 2 ** 32),
    'a time that is none');
  return found;
}

function squeeze(bytes) {
  const deflated = deflateRawSync(bytes, { dictionary: DICTIONARY, level: 3 });
  return bytes.length <= RATIO_MAX * deflated.length ? deflated : null;
}

function writeZ(bytes) {
  const deflated = bytes.length > Z_FROM && squeeze(bytes);
  return deflated ? encode([Z, 1, bytes.length, deflated]) : null;
}

// A frame's bodies, and its bytes around them: [[literal, bodies behind it], ...]
function apart(frame) {
  const [number, ...names] = FRAMES[frame.type];
  const front = [encodeHead(ARRAY, 1 + names.length), encode(number)];
  const isPush = frame.type === 'PUSH'; // it is one run itself
  const runs = isPush ? [[frame.origin, frame.lane, frame.bodies]] : frame.runs;
  if (!isPush) {
    front.push(...names.slice(0, -1).map((name) => encode(frame[name])),
      encodeHead(ARRAY, runs.length));
  }
  const literals = runs.map(([index, lane, bodies], at) => [Buffer.concat([
    ...(at === 0 ? front : []), ...(isPush ? [] : [encodeHead(ARRAY, 3)]),
    encode(index), encode(lane), encodeHead(ARRAY, bodies.length)]), bodies.length]);
  return { literals, bodies: runs.flatMap(([, , bodies]) => bodies) };
}

function writeC(frame, rawLength) {
  if (!['PUSH', 'FEED', 'ENTRIES'].includes(frame.type)) return null;
  const { literals, bodies } = apart(frame);
  const laid = bodies.length >= C_FROM ? layDown(literals, bodies) : null;
  const deflated = laid && squeeze(laid.stream);
  return deflated ? encode([C, 1, rawLength, laid.stream.length, deflated, laid.plain]) : null;
}

export const isSideBySide = (message) => message.subarray(1, 3).equals(encode(C));

// Side by side from a few entries on, else squeezed; where neither makes it smaller, as it is.
export function writeMessage(frame) {
  const bytes = writeFrame(frame);
  const form = writeC(frame, bytes.length) ?? writeZ(bytes);
  return form && form.length < bytes.length ? form : bytes;
}
