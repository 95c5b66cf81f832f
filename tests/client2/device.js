// device.js: an installation: its key, its names, its replica, and the file that outlives them.
//
// The file holds the entries and what cannot be computed from them. It is written whole, beside the
// old one, synced and renamed: after save() returns, and not before, something may be promised.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from './cbor.js';
import { readEntry } from './entry.js';
import { keyId, originOf } from './names.js';
import { Replica } from './replica.js';

function writeSynced(directory, name, bytes) {
  const temporary = join(directory, `${name}.new`);
  const file = openSync(temporary, 'w', 0o600);
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, join(directory, name));
  const parent = openSync(directory, 'r');
  fsyncSync(parent);
  closeSync(parent);
}

export class Device {
  constructor(directory) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    this.replica = new Replica();
    this.incarnations = []; // the writing one first
    this.cursor = null; // { hub, epoch, position, chain, scopeSet }
    this.acked = new Map(); // log -> the highest seq that a hub acknowledged
    this.heads = 0; // number of the last HEADS stored from that hub
    this.scopes = []; // [number, name, may write], as the last WELCOME said
    this.address = null;
    this.syncedAtMs = 0;
    this.loadKey();
    if (existsSync(join(directory, 'state.cbor'))) this.load();
    if (this.incarnations.length === 0) {
      this.renew();
      this.save();
    }
  }

  loadKey() {
    if (!existsSync(join(this.directory, 'key.pem'))) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      this.store('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }));
    }
    this.key = createPrivateKey(this.read('key.pem'));
    this.spki = createPublicKey(this.key).export({ type: 'spki', format: 'der' });
    this.keyId = keyId(this.spki);
  }

  read(name) {
    return readFileSync(join(this.directory, name));
  }

  store(name, bytes) {
    writeSynced(this.directory, name, bytes);
  }

  // A new name, before anything is written under it. To be saved with what comes of it.
  renew() {
    this.incarnations.unshift(randomBytes(16));
  }

  get origin() {
    return originOf(this.keyId, this.incarnations[0]);
  }

  // Our own names, as HELLO lists them: the writing one, then former ones that we have entries of.
  // An index here is the origin index of frames up.
  origins() {
    return this.incarnations.map((incarnation) => ({ incarnation,
      origin: originOf(this.keyId, incarnation) })).filter(({ origin }, index) =>
      index === 0 || this.replica.logs().some((log) => log.origin.equals(origin)));
  }

  // Loses the place in the feed, and the entries too if asked to.
  forget(entries) {
    this.cursor = null;
    if (entries) this.replica = new Replica();
    this.save();
  }

  // Takes entries out, as if they had never been here.
  drop(entries) {
    const { origins, entries: held } = this.replica;
    this.replica = new Replica();
    this.replica.origins = origins;
    for (const entry of held) {
      if (!entries.includes(entry)) this.replica.add(readEntry(entry.origin, entry.lane, entry.body));
    }
  }

  isOwn(origin) {
    return this.incarnations.some((life) => originOf(this.keyId, life).equals(origin));
  }

  // As it is on disk.
  reload() {
    this.replica = new Replica();
    this.load();
  }

  load() {
    const [version, incarnations, cursor, heads, scopes, address, syncedAtMs, origins, entries, acked] =
      decode(this.read('state.cbor'));
    if (version !== 1) throw new Error('a state file of another version');
    Object.assign(this, { incarnations, heads, scopes, address, syncedAtMs });
    this.acked = new Map(acked);
    this.cursor = cursor && Object.fromEntries(
      ['hub', 'epoch', 'position', 'chain', 'scopeSet'].map((name, at) => [name, cursor[at]]));
    for (const [key, incarnation, certificate] of origins) {
      this.replica.addOrigin({ keyId: key, incarnation, certificate });
    }
    for (const [origin, lane, body] of entries) {
      this.replica.add(readEntry(origin, lane, body));
    }
  }

  save() {
    const { replica, cursor } = this;
    this.store('state.cbor', encode([1, this.incarnations,
      cursor && [cursor.hub, cursor.epoch, cursor.position, cursor.chain, cursor.scopeSet],
      this.heads, this.scopes, this.address, this.syncedAtMs,
      [...replica.origins.values()].map((o) => [o.keyId, o.incarnation, o.certificate]),
      replica.entries.map((entry) => [entry.origin, entry.lane, entry.body]),
      [...this.acked]]));
  }
}
