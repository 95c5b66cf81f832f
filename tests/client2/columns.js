// columns.js: entries that travel side by side: the inside of a C frame, read (protocol.md 4).
//
// Each entry's body is a row, and a shape says how its rows were cut into cells. The stream has all
// first cells of a shape's rows, then all second ones. So: read the columns, put each row's cells
// one behind the other again, then the rows between the literals, and there is the frame.
import {
  BYTES, Cursor, encode, encodeHead, LIMIT, MALFORMED, NEGATIVE, Refused, TEXT, UINT,
} from './cbor.js';

export const ROWS_MAX = 1024;
export const LITERALS_MAX = ROWS_MAX + 1;
export const SHAPES_MAX = 128;
export const KINDS_MAX = 16384; // in all shapes together

// Kinds. Of the last two: and n, the number of bytes, 1 to 32.
export const ITEM = 0;
export const STEP = 1;
export const LENGTH = 2;
export const INLINE = 32;
export const PLAIN = 64;
const RAW_MAX = 32;

function most(count, max, what) {
  if (count > max) throw new Refused(LIMIT, `too many ${what}`);
  return count;
}

function must(isSo, text) {
  if (!isSo) throw new Refused(MALFORMED, text);
}

function uint(input) {
  const { major, argument } = input.head();
  must(major === UINT, 'a number that is none');
  return argument;
}

function byteString(input) {
  const { major, argument } = input.head();
  must(major === BYTES, 'bytes that are none');
  return input.take(argument);
}

// One head, and what stands behind it if that is a string's.
function item(input) {
  const from = input.at;
  const { major, argument } = input.head();
  if (major === BYTES || major === TEXT) input.take(argument);
  return input.bytes.subarray(from, input.at);
}

// Each cell is a step from the one above it.
function steps(input, rows) {
  let value = 0n;
  return Array.from({ length: rows }, () => {
    const { major, argument } = input.head();
    must(major === UINT || major === NEGATIVE, 'a step that is no integer');
    const step = major === UINT ? BigInt(argument) : -1n - BigInt(argument);
    value = BigInt.asUintN(64, value + step);
    return encode(value);
  });
}

// One column: what each row has in this place.
function readColumn(kind, rows, input, plain) {
  if (kind === STEP) return steps(input, rows);
  const cells = (read) => Array.from({ length: rows }, read);
  if (kind === ITEM) return cells(() => item(input));
  if (kind === LENGTH) return cells(() => encodeHead(BYTES, uint(input)));
  const from = kind > PLAIN ? PLAIN : INLINE;
  const size = kind - from;
  must(size >= 1 && size <= RAW_MAX, `a cell of kind ${kind}`);
  return cells(() => (from === PLAIN ? plain : input).take(size));
}

// One shape's rows, each put together.
function readShape(input, plain, before) {
  const rows = most(uint(input), ROWS_MAX - before.rows, 'rows');
  const kinds = byteString(input);
  must(rows > 0 && kinds.length > 0, 'a shape of nothing');
  most(kinds.length, KINDS_MAX - before.kinds, 'kinds');
  const columns = [...kinds].map((kind) => readColumn(kind, rows, input, plain));
  before.rows += rows;
  before.kinds += kinds.length;
  return Array.from({ length: rows }, (_, row) =>
    Buffer.concat(columns.map((column) => column[row])));
}

// What stands between the rows: [{ literal, rows }]
function readLiterals(input) {
  const count = most(uint(input), LITERALS_MAX, 'literals');
  const literals = Array.from({ length: count }, () =>
    ({ literal: byteString(input), rows: most(uint(input), ROWS_MAX, 'rows') }));
  most(literals.reduce((sum, { rows }) => sum + rows, 0), ROWS_MAX, 'rows');
  return literals;
}

// The frame that a stream and its plain bytes hold.
export function standUp(stream, plain) {
  const [input, aside] = [new Cursor(stream), new Cursor(plain)];
  const literals = readLiterals(input);
  const count = most(uint(input), SHAPES_MAX, 'shapes');
  const order = byteString(input);
  must(count > 1 || order.length === 0, 'an order of one shape');
  const before = { rows: 0, kinds: 0 };
  const shapes = Array.from({ length: count }, () => readShape(input, aside, before));
  must(input.left() === 0 && aside.left() === 0, 'bytes behind the columns');
  let at = 0;
  const nextRow = () => {
    const row = (shapes[count > 1 ? order[at] : 0] ?? []).shift();
    at += 1;
    must(row, 'a row that is not there');
    return row;
  };
  const frame = literals.flatMap(({ literal, rows }) =>
    [literal, ...Array.from({ length: rows }, nextRow)]);
  must(shapes.every((rows) => rows.length === 0), 'rows that are not used');
  must(count <= 1 || order.length === at, 'an order of another length');
  return Buffer.concat(frame);
}
