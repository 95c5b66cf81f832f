// enrol.js: a token and a key become a certificate (protocol.md 8).
import { sign, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { decode, encode } from './cbor.js';
import { bytes, secretOfText, sha256 } from './names.js';

// ---- a certificate request (RFC 2986) ----

function der(tag, ...contents) {
  const content = Buffer.concat(contents);
  const size = content.length;
  if (size < 0x80) return Buffer.concat([Buffer.of(tag, size), content]);
  if (size < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, size), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, size >> 8, size & 0xff), content]);
}
const SEQUENCE = 0x30;
const ECDSA_WITH_SHA256 = der(SEQUENCE, bytes('06082a8648ce3d040302'));

// CN=holdfast: nobody reads it, but not every library takes a subject without a name.
const SUBJECT = der(SEQUENCE, der(0x31, der(SEQUENCE, bytes('0603550403'),
  der(0x0c, Buffer.from('holdfast')))));

export function certificateRequest(privateKey, spki) {
  const version = der(0x02, Buffer.of(0));
  const info = der(SEQUENCE, version, SUBJECT, spki, der(0xa0));
  const signature = sign('sha256', info, privateKey); // DER, as X.509 has it
  return der(SEQUENCE, info, ECDSA_WITH_SHA256, der(0x03, Buffer.of(0), signature));
}

// ---- the token ----

export function readToken(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line.includes(' '));
  const names = Object.fromEntries(lines.map((line) => line.split(' ', 2)));
  if (names['holdfast-token'] !== '1') throw new Error('this is no token');
  const [, host, port] = /^(.*):(\d+)$/.exec(names.address);
  return { host, port: Number(port), ca: bytes(names.ca), hub: bytes(names.hub),
    secret: secretOfText(names.secret) };
}

// ---- HTTPS ----

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const asked = request({ agent: false, ...options }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(pieces) }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const pem = (certificate) => new X509Certificate(certificate).toString();

// Returns what the hub answered: { code, text } where it refused, else { code: 0, name, address }.
export async function enrol(device, tokenText) {
  const token = readToken(tokenText);
  const where = { host: token.host, port: token.port, servername: token.host };
  const answer = await ask({ ...where, path: '/ca', rejectUnauthorized: false });
  const ca = new X509Certificate(answer.body).raw;
  if (!sha256(ca).equals(token.ca)) throw new Error("this CA is not the token's");

  const wanted = encode([1, token.hub, token.secret,
    certificateRequest(device.key, device.spki)]);
  const { body } = await ask({ ...where, path: '/enrol', method: 'POST', ca: pem(ca),
    headers: { 'content-length': wanted.length } }, wanted);
  const [, code, ...rest] = decode(body);
  if (code !== 0) return { code, text: rest[0] };

  const [certificate, name, address] = rest;
  device.store('ca.pem', pem(ca));
  device.store('certificate.pem', pem(certificate));
  device.address = address;
  device.save();
  return { code, name, address };
}
