#!/usr/bin/env node
// bundle_vectors.js: writes tests/vectors/bundle.json: a seal, a bundle and the answer to it. The keys
// are made for it, so each run writes other bytes; what they say stays the same.
import { createECDH, createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleId, makeAnswer, makeBundle, pointOf, seal } from './bundle.js';
import { writeFrame } from './frames.js';
import { hex, keyId, sha256 } from './names.js';
import { Authority } from './receipt_vectors.js';

export const FILE = new URL('../vectors/bundle.json', import.meta.url);
const MS = 1571659200000;
const fixed = (name, size) => sha256(Buffer.from(name)).subarray(0, size);

function makeSeal() {
  const recipient = createECDH('prime256v1');
  recipient.setPrivateKey(fixed('recipient', 32));
  const [beside, plain] = [Buffer.from('what all may see'), Buffer.from('what one may')];
  return {
    number: hex(fixed('recipient', 32)), point: hex(recipient.getPublicKey()),
    once: hex(fixed('once', 32)), beside: hex(beside), plain: hex(plain),
    seal: hex(seal(fixed('once', 32), recipient.getPublicKey(), beside, plain)),
  };
}

// Frames as they would go over a link; what is in them is nobody's.
const MESSAGES = [
  writeFrame({ type: 'ORIGIN', index: 64, keyId: fixed('author', 32),
    incarnation: fixed('life', 16), certificate: Buffer.alloc(0) }),
];

function make(authority, another) {
  const [centre, station] = [['hub.example', 'serverAuth'], ['north', 'serverAuth,clientAuth']]
    .map(([name, usage]) => {
      const issued = authority.issue(name, usage);
      return { ...issued, certificate: issued.item[1] };
    });
  const pem = readFileSync(join(authority.folder, 'hub.example.key'), 'utf8');
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  const about = { number: 12, lane: 1, madeMs: MS, messages: MESSAGES, once: fixed('once', 32) };
  const bundle = makeBundle(station, centre.spki, about);
  const told = { bundle: bundleId(bundle), incarnation: fixed('life of the centre', 16),
    epoch: fixed('epoch', 16), timeMs: MS + 60000, code: 0, text: '', hubs: Buffer.alloc(0),
    logs: [[fixed('author', 16), 1, 40, fixed('root', 32), 0],
      [fixed('author', 16), 3, 0, Buffer.alloc(32), 304],
      [fixed('another', 16), 1, 7, fixed('another root', 32), 0]] };
  const refused = { ...told, code: 204, text: 'it is sealed for another', logs: [],
    hubs: fixed('a list', 32) };
  const issued = another.issue('north', 'serverAuth,clientAuth');
  const foreign = { ...issued, certificate: issued.item[1] };
  return {
    seal: makeSeal(), foreign: { hex: hex(makeBundle(foreign, centre.spki, about)) },
    bundle: { hex: hex(bundle), id: hex(bundleId(bundle)), station: hex(keyId(station.spki)),
      number: 12, lane: 1, made_ms: MS, centre: hex(keyId(centre.spki)),
      centre_number: hex(Buffer.from(jwk.d, 'base64url')), centre_key: pem,
      centre_point: hex(pointOf(centre.spki)), messages: MESSAGES.map(hex) },
    answer: { hex: hex(makeAnswer(centre, told)), time_ms: told.timeMs, code: 0,
      logs: told.logs.map(([origin, lane, seq, root, code]) =>
        [hex(origin), lane, seq, hex(root), code]) },
    refused: { hex: hex(makeAnswer(centre, refused)), code: 204, text: refused.text,
      hubs: hex(refused.hubs) },
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const authority = new Authority('the authority');
  const another = new Authority('another authority');
  const vectors = {
    about: 'A seal, a bundle and its answer (protocol.md 13), written by '
      + 'tests/client2/bundle_vectors.js.',
    ca: authority.pem, ...make(authority, another),
  };
  writeFileSync(FILE, `${JSON.stringify(vectors, null, 1)}\n`);
  authority.close();
  another.close();
}
