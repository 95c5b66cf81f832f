// test_vectors.js: tests/vectors, read and written by code that was made from protocol.md alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode, LIMIT, Refused } from './cbor.js';
import { readMessage, writeFrame } from './frames.js';
import { bytes, hex } from './names.js';
import { compilePack, readPack } from './pack.js';
import { makeVectors, readVectors } from './vectors.js';
import { equal, expect } from './world.js';

const load = (name) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));

function judge(item) {
  try {
    return encode(decode(item)).equals(item) ? 'ok' : 'written otherwise';
  } catch (trouble) {
    if (!(trouble instanceof Refused)) throw trouble;
    return trouble.code === LIMIT ? 'limit' : 'protocol';
  }
}

export function each_cbor_item_is_judged_as_the_vectors_say() {
  const items = load('cbor_profile.json');
  expect(items.length > 90, 'the vectors are not all there');
  for (const { hex: item, profile, what } of items) equal(judge(bytes(item)), profile, what);
}

// Values as frames.json has them: bytes as hex; a nonce too; a body as its encoding.
const SHAPES = {
  HELLO: (f) => ({ protocol: [f.min, f.max], implementation: f.implementation,
    origins: f.origins.map(([incarnation, logs]) => ({ incarnation, logs })), pack: f.pack,
    resume: f.resume && Object.fromEntries(['hub', 'epoch', 'position', 'chain', 'scopes']
      .map((name, at) => [name, f.resume[at]])),
    wall_ms: f.wallMs, heads: f.heads, ...(f.receipts && { receipts: f.receipts }),
    ...(f.passed && { capabilities: f.capabilities, passed: f.passed }),
    ...(f.elsewhere && { elsewhere: f.elsewhere }) }),
  WELCOME: ({ wallMs, ...f }) => ({ ...f, wall_ms: wallMs }),
  ORIGIN: ({ keyId, ...f }) => ({ ...f, key_id: keyId }),
  ENTRIES: (f) => ({ runs: f.runs.map(run) }),
  FEED: (f) => ({ ...f, runs: f.runs.map(run) }),
  PUSH: (f) => ({ ...f, bodies: f.bodies.map(encode) }),
  RELAY: (f) => ({ ...f, bodies: f.bodies.map(encode) }),
  RENEW_FOR: ({ keyId }) => ({ key_id: keyId }),
  REFILL: (f) => ({ ...f, bodies: f.bodies.map(encode) }),
  HEADS: (f) => ({ ...f, heads: f.heads.map(([origin, lane, seq, hlc, root, signature, leaves]) =>
    ({ origin, lane, seq, hlc, root, signature, leaves })) }),
  RECEIPT: ({ timeMs, ...f }) => ({ ...f, time_ms: timeMs }),
  PING: ({ nonce }) => ({ nonce: nonceText(nonce) }),
  PONG: ({ nonce, wallMs }) => ({ nonce: nonceText(nonce), wall_ms: wallMs }),
  PROBE: ({ wallMs, oldestMs, freeMib, ...f }) =>
    ({ ...f, wall_ms: wallMs, oldest_ms: oldestMs, free_mib: freeMib }),
  PROBED: ({ wallMs, ...f }) => ({ ...f, wall_ms: wallMs }),
  BYE: ({ code, retryAfterMs }) => ({ code, retry_after_ms: retryAfterMs }),
};
const run = ([index, lane, bodies]) => [index, lane, bodies.map(encode)];
const nonceText = (nonce) => BigInt(nonce).toString(16).padStart(16, '0');

// Key order does not matter; a number too large for JSON's readers is rounded on both sides.
function plain(value) {
  if (Buffer.isBuffer(value)) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [name, plain(item)]));
}

export function each_frame_says_what_the_vectors_say_and_is_written_to_the_same_bytes() {
  const frames = load('frames.json');
  expect(frames.length >= 24, 'the vectors are not all there');
  for (const { name, hex: item, frame } of frames) {
    const found = readMessage(bytes(item));
    equal(hex(writeFrame(found)), item, `${name}, written again`);
    const shape = SHAPES[found.type] ?? ((same) => same);
    equal(plain({ ...shape(found), type: found.type }), plain(frame), name);
  }
}

export function each_z_frame_opens_to_the_frame_that_the_vectors_name() {
  for (const { what, frame, message } of load('frame_z.json')) {
    equal(hex(writeFrame(readMessage(bytes(message)))), frame, what);
    const cut = bytes(message);
    cut[cut.length - 10] ^= 0x40;
    let refused = false;
    try {
      refused = hex(writeFrame(readMessage(cut))) !== frame;
    } catch (trouble) {
      refused = trouble instanceof Refused;
    }
    expect(refused, `${what}: a changed byte was not noticed`);
  }
}

export function hashes_heads_digests_and_ids_are_those_of_the_vectors() {
  const vectors = readVectors();
  const made = makeVectors(vectors);
  for (const part of Object.keys(made)) equal(made[part], vectors[part], part);
  equal(Object.keys(vectors), Object.keys(made), 'parts');
}

// The same schema, compiled twice: by the C compiler at build time, and here.
export function the_police_pack_compiles_to_the_same_bytes(world) {
  const json = JSON.parse(readFileSync(new URL('../../sync/pack/police.json', import.meta.url)));
  const theirs = readFileSync(join(world.build, 'police.cbor'));
  equal(hex(compilePack(json)), hex(theirs), 'the compiled pack');
  equal(readPack(theirs).types.get(16).fields.get(10).rule, 'last-review', 'a rule, read back');
}
