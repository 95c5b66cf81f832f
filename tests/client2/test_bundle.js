// test_bundle.js: seals, bundles and answers, opened by what protocol.md 13 says and Node's own cipher.
import { readFileSync } from 'node:fs';
import { bundleId, open, readAnswer, readBundle, seal } from './bundle.js';
import { FILE } from './bundle_vectors.js';
import { bytes, hex } from './names.js';
import { equal, expect } from './world.js';

const load = () => JSON.parse(readFileSync(FILE, 'utf8'));

function opens(number, beside, sealed) {
  try {
    return hex(open(number, beside, sealed));
  } catch {
    return null;
  }
}

export function a_seal_is_that_of_the_vectors_and_opens_for_one_key_alone() {
  const one = load().seal;
  const [number, once, beside] = [one.number, one.once, one.beside].map(bytes);
  const sealed = bytes(one.seal);
  equal(hex(seal(once, bytes(one.point), beside, bytes(one.plain))), one.seal, 'the seal');
  equal(opens(number, beside, sealed), one.plain, 'what it hides');
  equal(opens(once, beside, sealed), null, 'by another key');
  equal(opens(number, Buffer.from('another'), sealed), null, 'beside something else');
  sealed[sealed.length - 20] ^= 1;
  equal(opens(number, beside, sealed), null, 'altered');
}

export function a_bundle_and_its_answer_say_what_the_vectors_say() {
  const { bundle, answer, refused } = load();
  const found = readBundle(bytes(bundle.hex), bytes(bundle.centre_number));
  expect(found.isSigned, 'the station signed it');
  equal(hex(bundleId(bytes(bundle.hex))), bundle.id, 'its id');
  equal([hex(found.station), hex(found.centre), found.number, found.lane, found.madeMs],
    [bundle.station, bundle.centre, bundle.number, bundle.lane, bundle.made_ms], 'what is told');
  equal(found.messages.map(hex), bundle.messages, 'what is hidden');
  const told = readAnswer(bytes(answer.hex));
  expect(told.isSigned && told.isReceipt, 'the centre signed it, and for these logs');
  equal([hex(told.bundle), told.timeMs, told.code], [bundle.id, answer.time_ms, answer.code],
    'the answer');
  equal(told.logs.map(([origin, lane, seq, root, code]) =>
    [hex(origin), lane, seq, hex(root), code]), answer.logs, 'of which logs');
  const no = readAnswer(bytes(refused.hex));
  expect(no.isSigned && no.isReceipt, 'the centre refused one');
  equal([no.code, no.text, no.logs, hex(no.hubs)], [refused.code, refused.text, [], refused.hubs],
    'and said why');
}
