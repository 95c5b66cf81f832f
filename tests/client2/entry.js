// entry.js: parts, headers, bodies and their hashes (protocol.md 3).
import { decode, encode, DEPTH_MAX, MALFORMED, Refused } from './cbor.js';
import { H, KIND } from './names.js';

const OPS_DEPTH = 3 + DEPTH_MAX; // ops, its list, an op; then a value, which counts anew
const SALT_SIZE = 8;
export const CHAIN_0 = Buffer.alloc(32);

const must = (isSo, text) => {
  if (!isSo) throw new Refused(MALFORMED, text);
};
const isUint = (value) => (typeof value === 'number' || typeof value === 'bigint') && value >= 0;
const isBytes = (value, size) => Buffer.isBuffer(value) && value.length === size;

export const partHash = (part) => H(KIND.part, part); // part = salt ‖ ops
export const chainNext = (chain, entryHash) => H(KIND.chain, chain, entryHash);

// A citation as it is meant: { origin, lane, seq, prefix, ordinal }.
function readCitation(item, logs, seq) {
  must(Array.isArray(item) && item.length >= 3 && item.length <= 4, 'a citation of another size');
  const [log, citedSeq, prefix, ordinal = 0] = item;
  must(Number.isSafeInteger(log) && log >= 0 && log < logs.length, 'a citation of no log');
  must(Number.isSafeInteger(citedSeq) && citedSeq >= 1, 'a citation without a seq');
  must(log !== 0 || citedSeq < seq, 'a citation of what comes later in its own log');
  must(isBytes(prefix, 4), 'a citation without a prefix');
  must(item.length === 3 || ordinal >= 1, 'an ordinal of 0 is left out');
  return { origin: logs[log][0], lane: logs[log][1], seq: citedSeq, prefix, ordinal };
}

function readOp(item, logs, seq) {
  must(Array.isArray(item) && item.length >= 3 && item.length <= 4, 'an op of another size');
  const [field, citations, value, reason = null] = item;
  must(Number.isSafeInteger(field) && field >= 0, 'an op without a field');
  must(Array.isArray(citations), 'an op without citations');
  must(value !== undefined || citations.length > 0, 'an op that does nothing');
  must(item.length === 3 || (typeof reason === 'string' && reason), 'a reason that says nothing');
  if (value !== undefined) decode(encode(value)); // its own eight levels, and no undefined within
  const cites = citations.map((citation) => readCitation(citation, logs, seq));
  return { field, cites, value, reason };
}

// salt ‖ ops -> { type, id, ops: [{ field, ordinal, cites, value, reason }] }
export function readPart(part, { origin, lane, seq }) {
  must(part.length > SALT_SIZE, 'a part without ops');
  const items = decode(part.subarray(SALT_SIZE), { depthMax: OPS_DEPTH, undefineds: Infinity });
  must(Array.isArray(items) && items.length === 4, 'ops of another size');
  const [type, id, cited, list] = items;
  must(Number.isSafeInteger(type) && isBytes(id, 16), 'ops of no record');
  must(Array.isArray(cited) && Array.isArray(list) && list.length > 0, 'ops without ops');
  for (const log of cited) {
    must(Array.isArray(log) && log.length === 2 && isBytes(log[0], 16), 'a log that is none');
  }
  const ops = list.map((op) => readOp(op, [[origin, lane], ...cited], seq));
  ops.forEach((op, at) => {
    const before = ops[at - 1];
    must(!before || before.field <= op.field, 'ops do not ascend');
    op.ordinal = before && before.field === op.field ? before.ordinal + 1 : 0;
  });
  return { type, id, ops };
}

// The other way: the logs that are cited get their indexes here.
export function writePart({ salt, type, id, ops }, { origin, lane }) {
  const logs = [];
  const indexOf = (cited) => {
    if (cited.origin.equals(origin) && cited.lane === lane) return 0;
    const at = logs.findIndex((log) => log[0].equals(cited.origin) && log[1] === cited.lane);
    return at >= 0 ? at + 1 : logs.push([cited.origin, cited.lane]);
  };
  const list = ops.map(({ field, cites, value, reason }) => {
    const citations = cites.map((cited) => {
      const item = [indexOf(cited), cited.seq, cited.prefix];
      return cited.ordinal ? [...item, cited.ordinal] : item;
    });
    return reason === null ? [field, citations, value] : [field, citations, value, reason];
  });
  return Buffer.concat([salt, encode([type, id, logs, list])]);
}

export function writeHeader(origin, lane, body, partHashes) {
  const [seq, pseq, scope, hlc, quality, pack, actor, transaction] = body;
  return encode([1, origin, lane, seq, pseq, scope, hlc, quality, pack, actor, transaction,
    partHashes]);
}

export const entryHash = (header) => H(KIND.header, header);

function readPartItem(item, dot) {
  if (Buffer.isBuffer(item)) return { hash: partHash(item), ...readPart(item, dot) };
  must(Array.isArray(item) && item.length === 1 && isBytes(item[0], 32), 'a part that is none');
  return { hash: item[0], ops: null }; // erased, or withheld from us
}

// A body that came in a frame, with the log that the frame names.
export function readEntry(origin, lane, body) {
  must(Array.isArray(body) && body.length === 9, 'a body of another size');
  const [seq, pseq, scope, hlc, quality, pack, actor, transaction, list] = body;
  must(Number.isSafeInteger(seq) && seq >= 1 && isUint(pseq) && pseq < seq, 'an entry of no seq');
  must(isUint(scope) && isUint(hlc) && isUint(pack), 'a number that is none');
  must(isUint(quality) && quality <= 3, 'a quality that is none');
  must(typeof actor === 'string', 'an actor that is no text');
  must(transaction === null || isBytes(transaction, 8), 'a transaction that is none');
  must(Array.isArray(list), 'an entry without parts');
  must(list.length > 0, 'an entry without parts');
  const dot = { origin, lane, seq };
  const parts = list.map((item) => readPartItem(item, dot));
  const hash = entryHash(writeHeader(origin, lane, body, parts.map((part) => part.hash)));
  return {
    ...dot, pseq, scope, hlc: BigInt(hlc), quality, pack, actor, transaction, parts, body, hash,
    prefix: hash.subarray(0, 4), missing: parts.filter((part) => part.ops === null).length,
  };
}
