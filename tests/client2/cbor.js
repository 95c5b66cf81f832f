// cbor.js: deterministic CBOR and the profile of protocol.md 1.
//
// The reader is ours: it takes one encoding of a value and refuses every other, which libraries do
// not. The writer is a library's, in RFC 8949 mode. Whatever is read is written again and compared,
// so the order of map keys and the form of texts are judged by code that we did not write.
import { encode as write, rfc8949EncodeOptions } from 'cborg';

export const MALFORMED = 101;
export const LIMIT = 103;
export const DEPTH_MAX = 8;

// What a peer must not send. `code` is the ERROR that it gets.
export class Refused extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

export const encode = (value) => Buffer.from(write(value, rfc8949EncodeOptions));

// The major types that are spoken of elsewhere, and the head of one alone.
export const UINT = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;

export function encodeHead(major, argument) {
  const head = encode(argument); // a uint is all head
  head[0] |= major << 5;
  return head;
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SIMPLE = new Map([[0xf4, false], [0xf5, true], [0xf6, null], [0xf7, undefined]]);

// A place in bytes that a peer sent, and heads read there.
export class Cursor {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  left() {
    return this.bytes.length - this.at;
  }

  take(size) {
    if (size > this.left()) throw new Refused(MALFORMED, 'cut short');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  // A head's argument; a number where it is safe, else a BigInt.
  argument(info) {
    if (info < 24) return info;
    if (info > 27) throw new Refused(MALFORMED, 'reserved head or indefinite length');
    const size = 1 << (info - 24);
    const found = BigInt(`0x${Buffer.from(this.take(size)).toString('hex')}`);
    const least = size === 1 ? 24n : 1n << BigInt(4 * size);
    if (found < least) throw new Refused(MALFORMED, 'a head in more bytes than it needs');
    return found <= Number.MAX_SAFE_INTEGER ? Number(found) : found;
  }

  // One head, whatever it is the head of.
  head() {
    const first = this.take(1)[0];
    return { major: first >> 5, argument: this.argument(first & 31) };
  }
}

class Reader extends Cursor {
  constructor(bytes, depthMax) {
    super(bytes);
    this.depthMax = depthMax;
    this.undefineds = 0;
  }

  // A count, held against the bytes that are left before anything is made of it.
  elements(count, bytesEach, depth) {
    if (count * bytesEach > this.left()) throw new Refused(MALFORMED, 'cut short');
    if (depth > this.depthMax) throw new Refused(LIMIT, 'nested too deep');
    return count;
  }

  item(depth = 1) {
    const first = this.take(1)[0];
    const [major, info] = [first >> 5, first & 31];
    if (major === 7) return this.simple(first);
    if (major === 6) throw new Refused(MALFORMED, 'a tag');
    const argument = this.argument(info);
    if (major === 0) return argument;
    if (major === 1) return negative(argument);
    if (argument > this.left()) throw new Refused(MALFORMED, 'cut short');
    if (major === 2) return Buffer.from(this.take(argument));
    if (major === 3) return utf8(this.take(argument));
    return major === 4 ? this.array(argument, depth) : this.map(argument, depth);
  }

  simple(first) {
    if (!SIMPLE.has(first)) throw new Refused(MALFORMED, 'a simple value or float');
    if (first === 0xf7) this.undefineds += 1;
    return SIMPLE.get(first);
  }

  array(count, depth) {
    return Array.from({ length: this.elements(count, 1, depth) }, () => this.item(depth + 1));
  }

  map(count, depth) {
    const pairs = Array.from({ length: this.elements(count, 2, depth) },
      () => [this.key(), this.item(depth + 1)]);
    return new Map(pairs); // a key that stood twice is lost, and the comparison finds it
  }

  key() {
    const major = this.bytes[this.at] >> 5;
    if (major !== 0 && major !== 3) throw new Refused(MALFORMED, 'a key that is no uint or text');
    return this.item();
  }
}

function negative(argument) {
  const value = -1n - BigInt(argument);
  if (value < -(2n ** 63n)) throw new Refused(MALFORMED, 'below -2^63');
  return value >= -Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function utf8(bytes) {
  try {
    return text.decode(bytes);
  } catch {
    throw new Refused(MALFORMED, 'text that is not UTF-8');
  }
}

// Reads exactly one item, of the profile. `undefineds` is how many of them may stand in it: the
// caller knows where, and looks.
export function decode(bytes, { depthMax = DEPTH_MAX, undefineds = 0 } = {}) {
  const reader = new Reader(bytes, depthMax);
  const value = reader.item();
  if (reader.left() !== 0) throw new Refused(MALFORMED, 'bytes behind the item');
  if (reader.undefineds > undefineds) throw new Refused(MALFORMED, 'undefined');
  if (!encode(value).equals(bytes)) throw new Refused(MALFORMED, 'not deterministic');
  return value;
}
