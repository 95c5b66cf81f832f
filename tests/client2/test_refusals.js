// test_refusals.js: what a hub refuses, asked from outside, and with which code of protocol.md.
import { randomBytes, X509Certificate } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { decode, encode } from './cbor.js';
import { chainNext, readEntry, writePart } from './entry.js';
import { writeFrame } from './frames.js';
import { leafHash, root, signHead } from './head.js';
import { bytes, hex } from './names.js';
import { Raw } from './raw.js';
import { Session } from './session.js';
import { equal, expect } from './world.js';

const CRIME = 16;
const SUMMARY = 27;
const LANE = 3;
const ZEROS = Buffer.alloc(16);

// One device with nothing written yet; its entries are made by hand.
class Speaker {
  constructor(device) {
    this.device = device;
    this.origin = device.origin;
    this.scope = device.scopes.find(([, , mayWrite]) => mayWrite)[0];
    this.logs = []; // of HELLO
  }

  hello(of = {}) {
    const { cursor, incarnations } = this.device;
    return { type: 'HELLO', min: 1, max: 1, implementation: 'test', pack: 1, wallMs: Date.now(),
      heads: 0, origins: [[incarnations[0], this.logs]],
      resume: [cursor.hub, cursor.epoch, cursor.position, cursor.chain, cursor.scopeSet], ...of };
  }

  // An entry of a new crime.
  entry({ seq = 1, pseq = seq - 1, scope = this.scope, type = CRIME, cites = [] } = {}) {
    const ops = [{ field: SUMMARY, cites, value: 'Window forced', reason: null }];
    const part = writePart({ salt: randomBytes(8), type, id: randomBytes(16), ops },
      { origin: this.origin, lane: LANE });
    const body = [seq, pseq, scope, BigInt(Date.now()) << 16n, 3, 1, 'test', null, [part]];
    return decode(encode(body));
  }

  push(entries, of = {}) {
    return { type: 'PUSH', origin: 0, lane: LANE, bodies: entries, ...of };
  }

  // Says HELLO, then each of `what`; the session stays open.
  async say(hello, ...what) {
    const raw = new Raw(this.device);
    await raw.opened;
    raw.send(hello);
    expect(await raw.next('WELCOME'), 'no WELCOME came');
    for (const frame of what) raw.send(frame);
    return raw;
  }

  // The code that the hub answers with when it hears this after HELLO.
  async refusal(...what) {
    const raw = await this.say(this.hello(), ...what);
    return raw.refusal();
  }

  // Pushed and acknowledged; then HELLO knows of it.
  async written() {
    const body = this.entry();
    const raw = await this.say(this.hello(), this.push([body]));
    await raw.next('ACK');
    raw.close();
    const entry = readEntry(this.origin, LANE, body);
    entry.chain = chainNext(Buffer.alloc(32), entry.hash);
    this.logs = [[LANE, 1, entry.chain]];
    return entry;
  }
}

async function speaker(world) {
  await world.makeHub();
  return new Speaker(await world.makeDevice('speaker'));
}

export async function a_frame_that_comes_twice_changes_nothing(world) {
  const one = await speaker(world);
  const frame = one.push([one.entry()]);
  const raw = await one.say(one.hello(), frame, frame);
  const [log] = (await raw.next('ACK')).logs;
  equal(log.slice(0, 4), [0, LANE, 1, 1], 'what is acknowledged');
  raw.send({ type: 'PING', nonce: 7 });
  equal((await raw.next('PONG')).nonce, 7, 'the session is open: the nonce');
  raw.close();
  equal((await world.hub.json('list')).records.length, 1, 'records at the hub');
}

export async function an_entry_out_of_its_log_is_a_gap_or_a_fork(world) {
  const one = await speaker(world);
  await one.written();
  equal(await one.refusal(one.push([one.entry({ seq: 3 })])), 300, 'seq 3 behind 1');
  equal(await one.refusal(one.push([one.entry({ seq: 2 }), one.entry({ seq: 4 })])), 300,
    'a hole within a frame');
  equal(await one.refusal(one.push([one.entry({ seq: 1 })])), 301, 'another entry 1');
  equal(await one.refusal(one.push([one.entry({ seq: 2, pseq: 0 })])), 301, 'another past');
  const ahead = { origin: one.origin, lane: LANE, seq: 2, prefix: bytes('00000000'), ordinal: 0 };
  equal(await one.refusal(one.push([one.entry({ seq: 2, cites: [ahead] })])), 101, 'cites itself');

  one.logs = [[LANE, 1, randomBytes(32)]];
  const raw = new Raw(one.device);
  await raw.opened;
  raw.send(one.hello());
  equal((await raw.next('WELCOME')).verdict, 3, 'another chain in HELLO: the verdict');
  raw.close();
}

export async function a_head_that_is_not_true_is_refused(world) {
  const one = await speaker(world);
  const { seq, hlc, chain } = await one.written();
  const head = { origin: one.origin, lane: LANE, seq, hlc, root: root([leafHash(one.scope, seq,
    chain)]) };
  const signed = (of) => ({ type: 'HEAD', ...of, origin: 0, signature: signHead(of,
    one.device.key) });
  equal(await one.refusal({ ...signed(head), signature: randomBytes(64) }), 304, 'signature');
  equal(await one.refusal({ ...signed(head), hlc: hlc + 1n }), 304, 'signed for another hlc');
  equal(await one.refusal(signed({ ...head, root: randomBytes(32) })), 303, 'another root');
  equal(await one.refusal(signed({ ...head, seq: 9 })), 300, 'past the end');
  const raw = await one.say(one.hello(), signed(head));
  equal((await raw.next('ACK')).logs, [[0, LANE, 1, 1, 1]], 'a true one: the acknowledgement');
  raw.close();
}

export async function a_message_that_is_no_frame_is_refused(world) {
  const one = await speaker(world);
  const ping = writeFrame({ type: 'PING', nonce: 7 });
  const z = (dictionary, rawLength, ...more) =>
    encode([60, dictionary, rawLength, deflateRawSync(ping), ...more]);
  const cases = [
    [z(2, ping.length), 101, 'another dictionary'], [z(1, ping.length, 0), 101, 'Z of five items'],
    [z(1, ping.length + 1), 101, 'another raw length'], [z(1, 0), 101, 'a raw length of 0'],
    [z(1, 64 * 1024 * 1024), 103, 'a bomb'], [encode([99]), 101, 'an unknown frame'],
    [bytes('8218321800'), 101, '0 in two bytes'], [bytes('82183207f6'), 101, 'bytes behind'],
    [bytes('83183207f93c00'), 101, 'a float, in an item that is not known'],
    [bytes(`83183207${'81'.repeat(9)}00`), 103, 'nine deep'],
  ];
  for (const [message, code, what] of cases) equal(await one.refusal(message), code, what);

  const raw = await one.say(one.hello(), encode([200, 'from the future']), bytes('8418320800f6'));
  equal((await raw.next('PONG')).nonce, 8, 'what is to be ignored is ignored: the nonce');
  raw.close();
}

export async function a_frame_out_of_turn_is_refused(world) {
  const one = await speaker(world);
  equal(await one.refusal(one.hello()), 104, 'a second HELLO');
  const vector = { type: 'VECTOR', scope: 0, from: null, to: null, logs: [] };
  equal(await one.refusal({ ...vector, scope: one.scope }), 104, 'VECTOR after a resume');
  equal(await one.refusal({ type: 'FEED_ACK', position: 99999 }), 104, 'FEED_ACK of more');
  equal(await one.refusal({ type: 'TAKEN', frames: 0 }), 104, 'TAKEN while it is fed');
  equal(await one.refusal({ type: 'FEED', from: 0, to: 0, chain: ZEROS, runs: [] }), 104, 'FEED');
  equal(await one.refusal(one.push([one.entry()], { origin: 5 })), 101, 'an origin not in HELLO');

  const early = new Raw(one.device);
  await early.opened;
  early.send(one.push([one.entry()]));
  equal(await early.refusal(), 104, 'PUSH before HELLO');
  const old = new Raw(one.device);
  await old.opened;
  old.send(one.hello({ min: 2, max: 3 }));
  equal(await old.refusal(), 100, 'another version');

  const zeros = [ZEROS, ZEROS, 0, ZEROS, ZEROS];
  const asks = await one.say(one.hello({ resume: zeros }), vector);
  equal(await asks.refusal(), 203, "the hubs' scope");
  const starts = await one.say(one.hello({ resume: zeros }),
    { type: 'START', position: 1, chain: ZEROS });
  equal(await starts.refusal(), 104, "START from another place than WELCOME's");
}

export async function what_is_not_allowed_is_withheld_with_its_reason(world) {
  const one = await speaker(world);
  const bodies = [one.entry({ scope: 999 }), one.entry({ seq: 2, pseq: 0, type: 20 }),
    one.entry({ seq: 3, pseq: 2, type: 4 }), one.entry({ seq: 4, pseq: 3 })];
  const raw = await one.say(one.hello(), one.push(bodies));
  const { logs, notices } = await raw.next('ACK');
  equal(logs, [[0, LANE, 4, 4, 0]], 'all of it is durable');
  equal(notices.map(([, , seq, code]) => [seq, code]), [[1, 600], [2, 601], [3, 602]], 'notices');
  raw.close();
}

// The other way round: what a hub must not get away with, said to our client by hand.
export async function nothing_of_a_feed_that_was_altered_is_kept(world) {
  const one = await speaker(world);
  await one.written();
  const { device } = one;
  const session = new Session(device);
  const sent = [];
  session.send = (frame) => sent.push(frame);
  session.socket = { close() {} };
  session.hub = {};
  const { keyId: key, replica } = device;
  const held = replica.entries.length;
  const from = device.cursor.position;
  const origin = { type: 'ORIGIN', index: 9, keyId: key, incarnation: device.incarnations[0],
    certificate: Buffer.alloc(0) };
  const feed = { type: 'FEED', from, to: from + 1, chain: randomBytes(16),
    runs: [[9, LANE, [one.entry()]]] };
  for (const frame of [origin, feed]) session.take(writeFrame(frame));
  equal(sent.map(({ type, code }) => [type, code]), [['ERROR', 303]], 'what it answers');
  equal([device.replica.entries.length, device.cursor.position], [held, from], 'what it holds');
}

export async function a_revoked_device_hears_so_and_is_not_let_in_again(world) {
  const one = await speaker(world);
  const raw = await one.say(one.hello());
  await world.hub.ask('revoke', 'speaker', '--reason', 'lost');
  equal(await raw.refusal(), 202, 'what an open session hears');
  const again = new Raw(one.device);
  again.socket.on('open', () => again.send(one.hello()));
  again.opened.catch(() => {});
  equal([await again.refusal(), again.frames.length], [0, 0], 'closed without a frame');
  expect(again.trouble?.message.includes('403'), `before the upgrade: ${again.trouble?.message}`);
}

export async function a_young_certificate_is_given_again_and_asking_twice_is_out_of_turn(world) {
  const one = await speaker(world);
  const own = new X509Certificate(one.device.read('certificate.pem'));
  const raw = await one.say(one.hello(), { type: 'RENEW' });
  const { certificate, text } = await raw.next('CERTIFICATE');
  equal([hex(certificate), text], [hex(own.raw), ''], 'what it answers');
  raw.send({ type: 'RENEW' });
  equal(await raw.refusal(), 104, 'asked again at once');
}

export async function what_only_a_station_says_is_out_of_turn_from_a_device(world) {
  const one = await speaker(world);
  const { keyId: key } = one.device;
  const relay = { type: 'RELAY', origin: 64, lane: LANE, bodies: [], withheld: [], seq: 1, hlc: 1,
    root: randomBytes(32), signature: randomBytes(64) };
  equal(await one.refusal({ type: 'ORIGIN', index: 64, keyId: key, incarnation: randomBytes(16),
    certificate: Buffer.alloc(0) }), 104, 'ORIGIN');
  equal(await one.refusal(relay), 104, 'a RELAY that asks');
  equal(await one.refusal({ ...relay, bodies: [one.entry()] }), 104, 'RELAY');
  equal(await one.refusal({ type: 'RENEW_FOR', keyId: key }), 104, 'RENEW_FOR');
}
