// session.js: one conversation with a hub (protocol.md 4).
//
// Everything that arrives is one chain of steps, in order. What a step learned is on disk before
// the hub is told so: save(), then FEED_ACK.
import { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import WebSocket from 'ws';
import { Refused } from './cbor.js';
import { readEntry } from './entry.js';
import { MESSAGE_MAX, readMessage, writeMessage } from './frames.js';
import { feedNext, headIsSigned, leafHash, root, rootFromPath, signHead } from './head.js';
import { keyId, logKey, scopeSetHash } from './names.js';

const SUBPROTOCOL = 'holdfast.1';
const GAP = 300;
const CHAIN = 303;
const SIGNATURE = 304;
const OUT_OF_TURN = 104;
const RESUME = 0;
const VECTORS = 1;
const BEHIND = 2;
const PUSH_BYTES = 65536; // of bodies in one PUSH, about

export class Another extends Error {
  constructor(verdict) {
    super(`this store is not the only one of its name (verdict ${verdict})`);
    this.isBehind = verdict === BEHIND;
  }
}

export class Session extends EventEmitter {
  constructor(device) {
    super();
    this.device = device;
    this.replica = device.replica;
    this.origins = new Map(); // index on this connection -> { origin, publicKey }
    this.logs = new Map(); // our logs at the hub: key -> { durable, central, sent, head }
    this.isLive = false; // WELCOME has been answered; the feed runs
    this.waiting = []; // scopes whose vectors are still to be asked for
    this.left = 0; // entries that stood behind a gap in this round of vectors
    this.notices = [];
    this.verified = 0; // heads of others that held
  }

  // Resolves when the feed runs; rejects when the hub will not have it.
  open() {
    const { device } = this;
    this.socket = new WebSocket(`wss://${device.address}/`, SUBPROTOCOL, {
      ca: device.read('ca.pem'), cert: device.read('certificate.pem'), key: device.read('key.pem'),
      perMessageDeflate: false, maxPayload: MESSAGE_MAX,
    });
    this.socket.on('open', () => this.hello());
    this.socket.on('message', (message) => this.take(message));
    this.socket.on('error', (trouble) => this.fail(trouble));
    this.socket.on('close', () => this.fail(new Error('the hub closed the session')));
    return new Promise((resolve, reject) => {
      this.once('live', resolve);
      this.once('end', reject);
    });
  }

  close() {
    this.isLive = false;
    this.socket.terminate();
  }

  fail(trouble) {
    this.trouble ??= trouble;
    this.isLive = false;
    if (this.listenerCount('end') > 0) this.emit('end', this.trouble);
  }

  send(frame) {
    this.socket.send(writeMessage(frame));
  }

  take(message) {
    if (this.trouble) return;
    try {
      const frame = readMessage(message);
      if (frame) this.handle(frame);
    } catch (trouble) {
      if (trouble instanceof Refused) {
        this.send({ type: 'ERROR', code: trouble.code, text: trouble.message });
      }
      this.fail(trouble);
      this.socket.close();
    }
  }

  handle(frame) {
    this.emit('frame', frame);
    switch (frame.type) {
      case 'WELCOME': return this.welcome(frame);
      case 'ORIGIN': return this.origin(frame);
      case 'ENTRIES': return this.entries(frame);
      case 'VECTOR_DONE': return this.vectorDone(frame);
      case 'FEED': return this.feed(frame);
      case 'HEADS': return this.heads(frame);
      case 'ACK': return this.ack(frame);
      case 'CREDIT': return this.credit(frame);
      case 'PING': return this.send({ type: 'PONG', nonce: frame.nonce, wallMs: Date.now() });
      case 'PONG': return undefined;
      case 'ERROR': return this.fail(new Refused(frame.code, frame.text));
      case 'BYE': return this.fail(new Refused(frame.code, 'the hub says goodbye'));
      default: throw new Refused(OUT_OF_TURN, `${frame.type} is not for us`);
    }
  }

  // ---- greeting ----

  hello() {
    const { device, replica } = this;
    this.ours = device.origins();
    const origins = this.ours.map(({ incarnation, origin }) => [incarnation,
      replica.logs().filter((log) => log.origin.equals(origin)).map(({ lane }) => {
        const last = replica.logEntries(origin, lane).pop();
        return [lane, last.seq, last.chain];
      })]);
    this.send({ type: 'HELLO', min: 1, max: 1, implementation: 'client2', origins,
      pack: replica.pack().version, resume: this.resume(), wallMs: Date.now(),
      heads: device.cursor ? device.heads : 0 });
  }

  resume() {
    const { cursor, replica } = this.device;
    const zeros = Buffer.alloc(16);
    if (cursor) return [cursor.hub, cursor.epoch, cursor.position, cursor.chain, cursor.scopeSet];
    return replica.entries.length > 0 ? [zeros, zeros, 0, zeros, zeros] : null;
  }

  welcome(frame) {
    if (this.hub) throw new Refused(OUT_OF_TURN, 'a second WELCOME');
    const { device } = this;
    this.hub = frame;
    const numbers = frame.scopes.map(([number]) => number);
    device.scopes = frame.scopes;
    device.syncedAtMs = Date.now();
    for (const [index, lane, durable, central] of frame.yours) {
      const log = this.log(this.ours[index].origin, lane);
      Object.assign(log, { durable, central, sent: durable });
    }
    if (frame.verdict > VECTORS) return this.another(frame.verdict);
    const isNew = !device.cursor || !device.cursor.epoch.equals(frame.epoch)
      || !device.cursor.hub.equals(frame.hub);
    if (isNew) device.heads = 0;
    this.next = { hub: frame.hub, epoch: frame.epoch, position: frame.position,
      chain: frame.chain, scopeSet: scopeSetHash(numbers) };
    if (frame.verdict === RESUME) return this.goLive(device.cursor ?? { ...this.next, position: 0,
      chain: frame.epoch });
    this.scopes = numbers;
    this.waiting = [...numbers];
    return this.nextVector(null);
  }

  // Behind or fork: another store has our name, or had it. A new one, before anything is written
  // again. To write a fork's lost entries anew is left out here.
  another(verdict) {
    if (verdict === BEHIND) this.device.renew();
    throw new Another(verdict);
  }

  goLive(cursor) {
    this.device.cursor = cursor;
    this.device.save();
    this.isLive = true;
    this.push();
    this.emit('live');
  }

  // ---- vectors ----

  nextVector(from) {
    const [scope] = this.waiting;
    if (scope === undefined) return this.vectorsEnd();
    const logs = [...this.replica.vector(scope)].sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { origin, lane, seq }]) => [origin, lane, seq]);
    return this.send({ type: 'VECTOR', scope, from, to: null, logs });
  }

  vectorDone({ to }) {
    this.device.save();
    if (to !== null) return this.nextVector(to);
    this.waiting.shift();
    return this.nextVector(null);
  }

  // What was left behind a withheld entry may stand now: once more through all of them.
  vectorsEnd() {
    if (this.left > 0) {
      this.left = 0;
      this.waiting = [...this.scopes];
      return this.nextVector(null);
    }
    this.send({ type: 'START', position: this.next.position, chain: this.next.chain });
    return this.goLive(this.next);
  }

  // ---- what comes down ----

  origin(frame) {
    if (frame.certificate.length > 0) {
      const certificate = new X509Certificate(frame.certificate);
      const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
      if (!keyId(spki).equals(frame.keyId)) throw new Refused(SIGNATURE, "another key's certificate");
    }
    const origin = this.replica.addOrigin(frame);
    this.origins.set(frame.index, origin);
  }

  originAt(index) {
    const origin = this.origins.get(index);
    if (!origin) throw new Refused(OUT_OF_TURN, `index ${index} before its ORIGIN`);
    return origin;
  }

  *read(runs) {
    for (const [index, lane, bodies] of runs) {
      for (const body of bodies) yield readEntry(this.originAt(index), lane, body);
    }
  }

  entries({ runs }) {
    for (const entry of this.read(runs)) {
      try {
        this.replica.add(entry);
      } catch (trouble) {
        if (trouble.code !== GAP) throw trouble;
        this.left += 1;
      }
    }
  }

  // The chain can be computed where nothing of the range was filtered out.
  feed({ from, to, chain, runs }) {
    const { cursor } = this.device;
    if (from !== cursor.position || to < from) throw new Refused(GAP, `a feed from ${from}`);
    let count = 0;
    let computed = cursor.chain;
    for (const entry of this.read(runs)) {
      this.replica.add(entry);
      const held = this.replica.entry(entry.origin, entry.lane, entry.seq);
      computed = feedNext(computed, held.chain);
      count += 1;
    }
    if (count > to - from) throw new Refused(CHAIN, 'a feed of more than its range');
    if (count === to - from && !computed.equals(chain)) throw new Refused(CHAIN, 'the feed chain');
    this.device.cursor = { ...cursor, position: to, chain };
    this.device.save();
    this.send({ type: 'FEED_ACK', position: to });
    this.emit('fed');
  }

  // Each head: its signature by the author's key, and our own chain under its root.
  heads({ heads, number }) {
    for (const [index, lane, seq, hlc, top, signature, leaves] of heads) {
      const origin = this.originAt(index);
      const { certificate } = this.replica.origins.get(origin.toString('hex'));
      const head = { origin, lane, seq, hlc, root: top, signature };
      if (certificate.length > 0) {
        const { publicKey } = new X509Certificate(certificate);
        if (!headIsSigned(head, publicKey)) throw new Refused(SIGNATURE, 'a head of another hand');
      }
      for (const [scope, last, at, count, path] of leaves) {
        const entry = this.replica.entry(origin, lane, last);
        if (!entry || entry.scope !== scope) throw new Refused(GAP, 'a head of what is not here');
        const found = rootFromPath(leafHash(scope, last, entry.chain), at, count, path);
        if (!found || !found.equals(top)) throw new Refused(CHAIN, 'a head that we do not have');
      }
      this.verified += 1;
    }
    this.device.heads = number;
    this.device.save();
  }

  // ---- what goes up ----

  log(origin, lane) {
    const key = logKey(origin, lane);
    if (!this.logs.has(key)) {
      this.logs.set(key, { origin, lane, durable: 0, central: 0, sent: 0, head: 0, signed: 0 });
    }
    return this.logs.get(key);
  }

  // Lanes in strict order: a log of a higher number waits while one of a lower has anything to send.
  push() {
    if (!this.isLive) return;
    const logs = this.ours.flatMap(({ origin }, index) => this.replica.logs()
      .filter((log) => log.origin.equals(origin)).map((log) => ({ ...log, index })))
      .sort((a, b) => a.lane - b.lane);
    for (const { origin, lane, index } of logs) {
      if (!this.pushLog(origin, lane, index)) return;
    }
    for (const { origin, lane, index } of logs) this.signLog(origin, lane, index);
  }

  // True when all of the log has been sent.
  pushLog(origin, lane, index) {
    const log = this.log(origin, lane);
    const [entriesMax, bytesMax] = log.window ?? this.hub.window;
    const size = (entry) => writeMessage({ type: 'PUSH', origin: 0, lane, bodies: [entry.body] })
      .length;
    const own = this.replica.logEntries(origin, lane);
    const unacknowledged = own.filter((e) => e.seq > log.durable && e.seq <= log.sent);
    let room = Math.min(PUSH_BYTES, bytesMax - unacknowledged.reduce((n, e) => n + size(e), 0));
    const bodies = [];
    for (const entry of own.filter((e) => e.seq > log.sent)) {
      room -= size(entry);
      if (room < 0 || unacknowledged.length + bodies.length >= entriesMax) break;
      bodies.push(entry.body);
    }
    if (bodies.length > 0) {
      log.sent = bodies[bodies.length - 1][0];
      this.send({ type: 'PUSH', origin: index, lane, bodies });
    }
    return own.length === 0 || log.sent === own[own.length - 1].seq;
  }

  // A head over all that the hub holds of this log, when it holds all of it.
  signLog(origin, lane, index) {
    const log = this.log(origin, lane);
    const own = this.replica.logEntries(origin, lane);
    const last = own[own.length - 1];
    if (log.durable !== last.seq || log.signed === last.seq) return;
    const lastOf = new Map(own.map((entry) => [entry.scope, entry]));
    const leaves = [...lastOf].sort(([a], [b]) => a - b)
      .map(([scope, { seq, chain }]) => leafHash(scope, seq, chain));
    const head = { origin, lane, seq: last.seq, hlc: last.hlc, root: root(leaves) };
    log.signed = last.seq;
    this.send({ type: 'HEAD', ...head, origin: index, signature: signHead(head, this.device.key) });
  }

  ack({ logs, notices }) {
    for (const [index, lane, durable, central, head] of logs) {
      Object.assign(this.log(this.ours[index].origin, lane), { durable, central, head });
    }
    for (const [index, lane, seq, code, text] of notices) {
      this.notices.push({ origin: this.ours[index].origin, lane, seq, code, text });
    }
    this.push();
    this.emit('acked');
  }

  credit({ lane, entries, bytes }) {
    for (const log of this.logs.values()) if (log.lane === lane) log.window = [entries, bytes];
    this.push();
  }

  ownLogs() {
    return this.replica.logs().filter((own) => this.ours
      .some(({ origin }) => origin.equals(own.origin)))
      .map(({ origin, lane }) => ({ log: this.log(origin, lane),
        last: this.replica.logEntries(origin, lane).pop() }));
  }

  // Everything of ours is on the hub's disk.
  isAllThere() {
    return this.isLive && this.ownLogs().every(({ log, last }) => log.durable === last.seq);
  }

  isAllSigned() {
    return this.isLive && this.ownLogs().every(({ log, last }) => log.head === last.seq);
  }
}
