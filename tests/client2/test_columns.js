// test_columns.js: C frames, rule by rule (protocol.md 4, "Entries side by side"): what our reader
// makes of each, and that the hub makes the same of it.
import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { ARRAY, encode, encodeHead, Refused } from './cbor.js';
import { isSideBySide, openMessage, readMessage, writeFrame, writeMessage } from './frames.js';
import { bytes, hex } from './names.js';
import { Raw } from './raw.js';
import { columnFrames, COLUMNS_FILE } from './vectors.js';
import { equal, expect, until } from './world.js';

const MALFORMED = 101;
const LIMIT = 103;
const OPENS = 0;

// literals: [[hex, rows], ...]; shapes: [[rows, kinds, columns as hex], ...]
const stream = ({ literals, shapes, order = '' }) => Buffer.concat([
  encode(literals.length), ...literals.flatMap(([literal, rows]) =>
    [encode(bytes(literal)), encode(rows)]),
  encode(shapes.length), encode(bytes(order)), ...shapes.flatMap(([rows, kinds, columns]) =>
    [encode(rows), encode(Buffer.from(kinds)), bytes(columns)]),
]);

// Stored, not deflated: so that nothing swells by more than 64.
const wrap = (inner, { dictionary = 1, raw, length = inner.length, plain = Buffer.alloc(0),
  more = [] }) =>
  encode([61, dictionary, raw, length, deflateRawSync(inner, { level: 0 }), plain, ...more]);

// PING 7 = 82 18 32 07, from two rows of two shapes unless it says otherwise.
const PING = { literals: [['82', 2]], shapes: [[1, [0], '1832'], [1, [1], '07']], order: '0001' };
const ping = (of = {}) => wrap(stream({ ...PING, ...of }), { raw: 4, ...of });
const one = (kinds, columns, of = {}) =>
  ping({ literals: [['8218', 1]], shapes: [[1, kinds, columns]], order: '', ...of });

// [50, 7, 0, 0, ...]: what is behind the 7 is ignored.
const front = (zeros) => `${hex(encodeHead(ARRAY, zeros + 2))}183207`;
const many = (zeros, of) => wrap(stream(of), { raw: bytes(front(zeros)).length + zeros });
const rows = (count) => many(count, { literals: [[front(count), count]],
  shapes: [[count, [0], '00'.repeat(count)]] });
const literals = (count) => many(count - 1, { shapes: [],
  literals: [[front(count - 1), 0], ...Array(count - 1).fill(['00', 0])] });
const shapes = (count) => many(count, { literals: [[front(count), count]],
  shapes: Array(count).fill([1, [0], '00']), order: hex(Buffer.from([...Array(count).keys()])) });
const kinds = (count) => many(count, { literals: [[front(count), 1]],
  shapes: [[1, Array(count).fill(0), '00'.repeat(count)]] });
const z = (inner) => encode([60, 1, inner.length, deflateRawSync(inner, { level: 0 })]);
const within = (frame) => wrap(stream({ literals: [[hex(frame), 0]], shapes: [] }),
  { raw: frame.length });
const PING_7 = bytes('82183207');

const CASES = [
  [OPENS, 'rows of two shapes', ping()],
  [MALFORMED, 'a shape that no row has', ping({ shapes: [...PING.shapes, [0, [0], '']] })],
  [MALFORMED, 'a row without cells', ping({ literals: [['82', 3]],
    shapes: [...PING.shapes, [1, [], '']], order: '000102' })],
  [OPENS, 'no rows', within(PING_7)],
  [OPENS, 'an empty literal', ping({ literals: [['82', 1], ['', 1]] })],
  [OPENS, '1,024 rows', rows(1024)], [LIMIT, '1,025 rows', rows(1025)],
  [OPENS, '1,025 literals', literals(1025)], [LIMIT, '1,026 literals', literals(1026)],
  [OPENS, '128 shapes', shapes(128)], [LIMIT, '129 shapes', shapes(129)],
  [OPENS, '16,384 kinds', kinds(16384)], [LIMIT, '16,385 kinds', kinds(16385)],

  [MALFORMED, 'seven items', ping({ more: [0] })],
  [MALFORMED, 'five items', encode([61, 1, 4, 4, Buffer.alloc(4)])],
  [MALFORMED, 'another dictionary', ping({ dictionary: 0 })],
  [MALFORMED, 'text for plain', ping({ plain: 'text' })],
  [MALFORMED, 'a raw length of one more', ping({ raw: 5 })],
  [MALFORMED, 'a raw length of 0', ping({ raw: 0 })],
  [LIMIT, 'a raw length above 1 MiB', ping({ raw: 1048577 })],
  [LIMIT, 'a raw length above all', ping({ raw: 2n ** 64n - 1n })],
  [MALFORMED, 'a stream length of one more', ping({ length: stream(PING).length + 1 })],
  [MALFORMED, 'a stream length of one less', ping({ length: stream(PING).length - 1 })],
  [MALFORMED, 'a stream length of 0', ping({ length: 0 })],
  [LIMIT, 'a stream of 65 times its deflated bytes', ping({ length: 65 * 64 })],
  [MALFORMED, 'an empty stream', wrap(Buffer.alloc(0), { raw: 4, length: 1 })],

  [OPENS, 'kind 32: one byte', one([33, 0], '3207')],
  [MALFORMED, 'kind 32 of no byte', one([32, 0, 0], '183207', { raw: 5 })],
  [OPENS, 'kind 64 is 32 bytes in the stream', wrap(stream({
    literals: [['831832075820', 1]], shapes: [[1, [64], 'ab'.repeat(32)]] }), { raw: 38 })],
  [OPENS, 'kind 96 is 32 bytes of plain', wrap(stream({ literals: [['83183207', 1]],
    shapes: [[1, [2, 96], '1820']] }), { raw: 38, plain: Buffer.alloc(32, 0xab) })],
  [OPENS, 'kind 65 is one of plain', one([65, 0], '07', { plain: bytes('32') })],
  ...[3, 31, 97, 255].map((kind) => [MALFORMED, `kind ${kind}`, one([kind, 0], '183207')]),
  [MALFORMED, 'plain that is too short', one([66], '', { plain: bytes('32') })],
  [MALFORMED, 'plain that is left over', one([66], '', { plain: bytes('320700') })],
  [MALFORMED, 'a stream that is too short', one([33, 0], '32')],
  [MALFORMED, 'a stream that goes on', one([33, 0], '320700')],

  [MALFORMED, 'a step that is text', one([33, 1], '326107')],
  [MALFORMED, 'a step that is a byte string', one([33, 1], '324107')],
  [MALFORMED, 'a step in two bytes', one([33, 1], '321807')],
  [MALFORMED, 'a length below 0', one([33, 2], '3220')],
  [MALFORMED, 'a length in two bytes', one([33, 2], '321800')],
  [MALFORMED, 'an item in two bytes', one([33, 0], '321807', { raw: 5 })],
  [MALFORMED, 'an item without an end', one([33, 0], '325f4107ff', { raw: 7 })],
  [MALFORMED, 'an item that is cut short', one([33, 0], '3243ab')],
  [MALFORMED, 'a count in two bytes', wrap(bytes('18014482183207000040'), { raw: 4 })],

  [MALFORMED, 'an order of one shape', one([33, 0], '3207', { order: '00' })],
  [MALFORMED, 'an order of no shape', wrap(stream({ literals: [['82183207', 0]], shapes: [],
    order: '00' }), { raw: 4 })],
  [MALFORMED, 'an order that is too short', ping({ order: '00' })],
  [MALFORMED, 'an order that is too long', ping({ order: '000101' })],
  [MALFORMED, 'an order of a shape that is none', ping({ order: '0002' })],
  [MALFORMED, 'an order of a shape once too often', ping({ order: '0000' })],
  [MALFORMED, 'a row too few', ping({ literals: [['82', 3]], order: '000101' })],
  [MALFORMED, 'a row too many', ping({ literals: [['82183207', 0]], order: '' })],
  [MALFORMED, 'rows of one shape too many', wrap(stream({ literals: [['821832', 1]],
    shapes: [[2, [0], '0707']] }), { raw: 4 })],

  [MALFORMED, 'a Z frame within', within(z(PING_7))],
  [MALFORMED, 'a C frame within', within(ping())],
  [MALFORMED, 'within a Z frame', z(ping())],
  [MALFORMED, 'a frame with bytes behind it', within(bytes('8218320700'))],
  [MALFORMED, 'a frame in another encoding', within(bytes('8218321807'))],
  [MALFORMED, 'an unknown frame', within(encode([99]))],
];

const codeOf = (message) => {
  try {
    readMessage(message);
    return OPENS;
  } catch (trouble) {
    if (!(trouble instanceof Refused)) throw trouble;
    return trouble.code;
  }
};

export function each_rule_of_side_by_side_is_kept_by_our_reader() {
  for (const [code, what, message] of CASES) equal(codeOf(message), code, what);
}

export async function each_rule_of_side_by_side_is_kept_by_the_hub(world) {
  await world.makeHub();
  const device = await world.makeDevice('speaker');
  for (const [code, what, message] of CASES) {
    const raw = new Raw(device);
    await raw.opened;
    raw.send(message);
    const answer = raw.next('PONG').then((pong) => (pong ? OPENS : raw.refusal()));
    equal(await answer, code, what);
    raw.close();
  }
}

// Modulo 2^64, from 0 above the first: up by the most, over the end, down by the most.
export function steps_go_round() {
  const row = '1bffffffffffffffff';
  const message = wrap(stream({ literals: [['84', 4]],
    shapes: [[4, [1], `${row}01203bffffffffffffffff`]] }), { raw: 1 + 9 + 1 + 9 + 9 });
  equal(hex(openMessage(message)), `84${row}00${row}${row}`, 'what comes out');
}

export function each_c_frame_of_the_vectors_opens_and_a_changed_byte_is_noticed() {
  const vectors = JSON.parse(readFileSync(COLUMNS_FILE, 'utf8'));
  expect(vectors.length >= 5, 'the vectors are not all there');
  for (const { what, frame, message } of vectors) {
    equal(hex(openMessage(bytes(message))), frame, what);
    const cut = bytes(message);
    const inDeflate = 14;
    cut[inDeflate] ^= 0x40;
    let isNoticed = false;
    try {
      isNoticed = hex(openMessage(cut)) !== frame;
    } catch (trouble) {
      isNoticed = trouble instanceof Refused;
    }
    expect(isNoticed, `${what}: a changed byte was not noticed`);
  }
}

// What we wrote for the vectors, made again: a C frame, which opens to what was put in.
export function what_we_lay_side_by_side_stands_up_again() {
  const vectors = JSON.parse(readFileSync(COLUMNS_FILE, 'utf8'));
  for (const { what, frame } of columnFrames()) {
    const written = writeFrame(frame);
    const message = writeMessage(frame);
    expect(isSideBySide(message), `${what}: it is no C frame`);
    equal(hex(openMessage(message)), hex(written), `${what}, opened`);
    const vector = vectors.find((found) => found.what === what);
    equal(vector?.frame, hex(written), `${what}, in the vectors`);
  }
}

// The first frames on a link are small, until it is known to carry more; columns begin at 8 entries.
const APART = 64;

// Of a shift apart: what both wrote meanwhile goes side by side, both ways.
export async function several_entries_go_side_by_side_both_ways(world) {
  const [hub, edge, client] = await world.three();
  await client.kill();
  client.start();
  for (let count = 0; count < APART; count += 1) {
    await edge.ask('put', 'note', `subject=theirs ${count}`);
    await client.do('put', { type: 'note', values: { subject: `mine ${count}` } });
  }
  await until('the hub has theirs', async () =>
    (await hub.json('list', 'note', '--limit', '1000')).records.length === APART);
  await client.do('connect');
  const status = await until('all of it is where it should be', async () => {
    const found = await client.do('status');
    const there = (await edge.json('list', 'note', '--limit', '1000')).records.length;
    return found.at_the_hub && there === 2 * APART && found;
  });
  equal((await client.do('records')).records.length, 2 * APART, 'records here');
  const { up, down } = status.side_by_side;
  expect(up > 0 && down > 0, `C frames: ${up} up, ${down} down`);
}
