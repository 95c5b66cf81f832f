// cut.js: entries laid side by side: the inside of a C frame, written (protocol.md 4).
//
// Rows that were cut alike are one shape. What rises by a little from row to row becomes a step,
// what is random goes into `plain`, where no deflate is troubled with it. Where to cut is a writer's
// own affair: unlike the C program's, this one also sets aside the prefixes of citations.
import { BYTES, Cursor, decode, encode, encodeHead, TEXT } from './cbor.js';
import {
  INLINE, ITEM, KINDS_MAX, LENGTH, PLAIN, ROWS_MAX, SHAPES_MAX, STEP,
} from './columns.js';

const SALT_SIZE = 8;
const TIME_SIZE = 6; // of a record id; what is behind it is random
const ID_REST_SIZE = 10;
const HASH_SIZE = 32;
const PREFIX_SIZE = 4;

const SEQ_TO_TRANSACTION = [STEP, STEP, ITEM, STEP, ITEM, ITEM, ITEM, ITEM]; // of a body
const PREFIX_HEAD = encodeHead(BYTES, PREFIX_SIZE)[0];

// One body, being cut: cells are { kind, bytes }, the bytes as the row has them.
class Row {
  constructor(body) {
    this.input = new Cursor(encode(body));
    this.cells = [];
    this.body();
  }

  // One head as a cell, with the content if it is a string's that is not cut up itself.
  cell(kind = ITEM) {
    const from = this.input.at;
    const { major, argument } = this.input.head();
    if (kind === ITEM && (major === BYTES || major === TEXT)) this.input.take(argument);
    this.cells.push({ kind, bytes: this.input.bytes.subarray(from, this.input.at) });
    return argument;
  }

  raw(kind, size) {
    this.cells.push({ kind: kind + size, bytes: this.input.take(size) });
  }

  isNextBytes() {
    return this.input.bytes[this.input.at] >> 5 === BYTES;
  }

  body() {
    this.cell(); // the array
    for (const kind of SEQ_TO_TRANSACTION) this.cell(kind);
    for (let parts = this.cell(); parts > 0; parts -= 1) this.part();
  }

  part() {
    if (!this.isNextBytes()) { // erased: [hash]
      this.cell();
      this.cell(LENGTH);
      this.raw(PLAIN, HASH_SIZE);
      return;
    }
    const end = this.cell(LENGTH) + this.input.at;
    this.raw(PLAIN, SALT_SIZE);
    this.cell(); // ops
    this.cell(); // type
    this.cell(LENGTH);
    this.raw(INLINE, TIME_SIZE);
    this.raw(PLAIN, ID_REST_SIZE);
    while (this.input.at < end) {
      if (this.input.bytes[this.input.at] !== PREFIX_HEAD) this.cell();
      else this.raw(PLAIN, this.cell(LENGTH));
    }
  }
}

// A column as the stream has it; cells of plain bytes are not in it.
function writeColumn(cells) {
  let above = 0n;
  return Buffer.concat(cells.map(({ kind, bytes }) => {
    if (kind === LENGTH) return encode(new Cursor(bytes).head().argument);
    if (kind > PLAIN) return Buffer.alloc(0);
    if (kind !== STEP) return bytes;
    const value = BigInt(decode(bytes));
    const step = BigInt.asIntN(64, value - above);
    above = value;
    return encode(step);
  }));
}

// The bodies of a frame and what stands between them, [[literal, rows], ...] -> { stream, plain },
// or null when it is more than C may carry.
export function layDown(literals, bodies) {
  const rows = bodies.map((body) => new Row(body).cells);
  const shapes = new Map(); // kinds as text -> { index, kinds, rows }
  const order = rows.map((cells) => {
    const kinds = Buffer.from(cells.map(({ kind }) => kind));
    const key = kinds.toString('latin1');
    if (!shapes.has(key)) shapes.set(key, { index: shapes.size, kinds, rows: [] });
    shapes.get(key).rows.push(cells);
    return shapes.get(key).index;
  });
  const kindCount = [...shapes.values()].reduce((sum, { kinds }) => sum + kinds.length, 0);
  if (rows.length > ROWS_MAX || shapes.size > SHAPES_MAX || kindCount > KINDS_MAX) return null;

  const stream = [encode(literals.length), ...literals.flat().map(encode), encode(shapes.size),
    encode(Buffer.from(shapes.size > 1 ? order : []))];
  const plain = [];
  for (const { kinds, rows: of } of shapes.values()) {
    const columns = [...kinds].map((_, at) => of.map((cells) => cells[at]));
    stream.push(encode(of.length), encode(kinds), ...columns.map(writeColumn));
    plain.push(...columns.flat().filter(({ kind }) => kind > PLAIN).map(({ bytes }) => bytes));
  }
  return { stream: Buffer.concat(stream), plain: Buffer.concat(plain) };
}
