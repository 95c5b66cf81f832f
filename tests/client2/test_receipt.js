// test_receipt.js: receipts checked by what protocol.md 10 says, with Node's own X.509 and ECDSA.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from './cbor.js';
import { bytes, hex, recordIdOfText } from './names.js';
import { checkReceipt, NoProof, reference } from './receipt.js';
import { FILE } from './receipt_vectors.js';
import { equal, expect, until } from './world.js';

function judged(file, ca) {
  try {
    return { proves: checkReceipt(file, ca).entries.map((entry) => ({ seq: entry.seq,
      hash: hex(entry.hash), reference: reference(entry.hash), actor: entry.actor,
      author: entry.author, hub: entry.hub, time_ms: entry.timeMs })) };
  } catch (trouble) {
    if (!(trouble instanceof NoProof)) throw trouble;
    return { refused: trouble.why };
  }
}

export function each_receipt_proves_or_is_refused_as_the_vectors_say() {
  const { ca, files } = JSON.parse(readFileSync(FILE, 'utf8'));
  expect(files.length >= 20, 'the vectors are not all there');
  const authority = new X509Certificate(ca);
  for (const { what, file, proves, refused } of files) {
    equal(judged(bytes(file), authority), proves ? { proves } : { refused }, what);
  }
}

export async function a_receipt_that_the_device_exports_is_genuine_by_the_page_alone(world) {
  await world.makeHub();
  const edge = await world.makeEdge('rees');
  const [id] = (await edge.ask('put', 'crime', 'summary=Window forced')).trim().split('\n');
  await edge.ask('put', 'note', 'subject=between');
  await edge.ask('put', 'crime', '--id', id, 'summary=Two windows forced');
  const told = await until('a hub signed for it', async () => {
    const { entries } = await edge.json('receipt', id);
    return entries.length === 2 && entries.every(({ signed }) => signed) && entries;
  });
  const path = join(world.directory, 'it.receipt');
  await edge.ask('receipt', id, '--export', path);
  const file = readFileSync(path);
  const ca = new X509Certificate(readFileSync(join(edge.data, 'ca.pem')));
  const found = checkReceipt(file, ca);
  expect(found.id.equals(recordIdOfText(id)), 'of another record');
  equal(found.entries.map(({ hash, author, timeMs }) => [reference(hash), author,
    new Date(timeMs).toISOString()]), told.map((entry) => [entry.reference, 'rees', entry.since]),
  'its entries');
  const items = decode(file);
  items[4][0][6][2] += 1; // a millisecond later
  equal(judged(encode(items), ca), { refused: 'signature' }, 'another time');
}
