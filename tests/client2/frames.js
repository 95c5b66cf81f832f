// frames.js: one websocket message to one frame, and back (protocol.md 4).
import { readFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decode, encode, DEPTH_MAX, LIMIT, MALFORMED, Refused } from './cbor.js';

export const MESSAGE_MAX = 262144;
const FRAME_MAX = 1048576;
const RATIO_MAX = 64;
const Z_FROM = 128; // a frame of more bytes may be squeezed
const FRAME_DEPTH = 1 + DEPTH_MAX; // each item of the frame counts anew
const DICTIONARY = readFileSync(new URL('../../sync/dictionary.bin', import.meta.url));
const Z = 60;
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
  PUSH: [10, 'origin', 'lane', 'bodies'],
  ACK: [11, 'logs', 'notices'],
  FEED: [12, 'from', 'to', 'chain', 'runs'],
  FEED_ACK: [13, 'position'],
  HEAD: [14, 'origin', 'lane', 'seq', 'hlc', 'root', 'signature'],
  HEADS: [15, 'heads', 'number'],
  CREDIT: [40, 'lane', 'entries', 'bytes'],
  PING: [50, 'nonce'],
  PONG: [51, 'nonce', 'wallMs'],
  ERROR: [62, 'code', 'text'],
  BYE: [63, 'code', 'retryAfterMs'],
};
const BY_NUMBER = new Map(Object.entries(FRAMES).map(([name, [number, ...items]]) =>
  [number, { name, items }]));

// { type: 'START', position, chain } -> the frame's bytes
export function writeFrame(frame) {
  const [number, ...items] = FRAMES[frame.type];
  return encode([number, ...items.map((item) => frame[item])]);
}

// The items of the frame that a Z frame holds.
function inflate(items) {
  if (items.length !== 4) throw new Refused(MALFORMED, 'a Z frame of another size');
  const [, dictionary, rawLength, deflated] = items;
  if (dictionary !== 1 || !Number.isSafeInteger(rawLength) || !Buffer.isBuffer(deflated)) {
    throw new Refused(MALFORMED, 'a Z frame that is none');
  }
  if (rawLength > FRAME_MAX || rawLength > RATIO_MAX * deflated.length) {
    throw new Refused(LIMIT, 'a frame that swells too much');
  }
  let found;
  try {
    found = inflateRawSync(deflated,
      { dictionary: DICTIONARY, maxOutputLength: FRAME_MAX, info: true });
  } catch (trouble) {
    throw new Refused(MALFORMED, `a Z frame that does not open: ${trouble.message}`);
  }
  if (found.buffer.length !== rawLength || found.engine.bytesWritten !== deflated.length) {
    throw new Refused(MALFORMED, 'a Z frame of another length');
  }
  const inner = decode(found.buffer, { depthMax: FRAME_DEPTH });
  if (inner[0] === Z) throw new Refused(MALFORMED, 'a Z frame within a Z frame');
  return inner;
}

// A message -> { type, ... }, or null for a frame that is to be ignored.
export function readMessage(message) {
  if (message.length > MESSAGE_MAX) throw new Refused(LIMIT, 'a message too long');
  let items = decode(message, { depthMax: FRAME_DEPTH });
  if (Array.isArray(items) && items[0] === Z) items = inflate(items);
  if (!Array.isArray(items) || !Number.isSafeInteger(items[0]) || items[0] < 0) {
    throw new Refused(MALFORMED, 'a message that is no frame');
  }
  const shape = BY_NUMBER.get(items[0]);
  if (!shape && items[0] >= UNKNOWN_IGNORED_FROM) return null;
  if (!shape || items.length <= shape.items.length) {
    throw new Refused(MALFORMED, `frame ${items[0]} is unknown or too short`);
  }
  return Object.fromEntries([['type', shape.name],
    ...shape.items.map((item, at) => [item, items[at + 1]])]);
}

// Squeezed where that is allowed and smaller.
export function writeMessage(frame) {
  const bytes = writeFrame(frame);
  if (bytes.length <= Z_FROM) return bytes;
  const deflated = deflateRawSync(bytes, { dictionary: DICTIONARY, level: 1 });
  const message = encode([Z, 1, bytes.length, deflated]);
  const isLegal = bytes.length <= RATIO_MAX * deflated.length && message.length < bytes.length;
  return isLegal ? message : bytes;
}
