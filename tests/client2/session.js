// session.js: one conversation with a hub (protocol.md 4).
//
// Everything that arrives is one chain of steps, in order. What a step learned is on disk before
// the hub is told so: save(), then FEED_ACK.
import { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import WebSocket from 'ws';
import { MALFORMED, Refused } from './cbor.js';
import { CHAIN_0, readEntry } from './entry.js';
import { isSideBySide, MESSAGE_MAX, readMessage, writeMessage } from './frames.js';
import { feedNext, headIsSigned, leafHash, rootFromPath } from './head.js';
import { keyId, logKey, scopeSetHash } from './names.js';
import { PACK_TYPES_FROM } from './pack.js';
import { Upload } from './upload.js';

const SUBPROTOCOL = 'holdfast.1';
const GAP = 300;
const CHAIN = 303;
const SIGNATURE = 304;
const OUT_OF_TURN = 104;
const RESUME = 0;
const BEHIND = 2;
const FORK = 3;
const VECTOR_LOGS = 1024; // that one VECTOR lists
const PASSES = 4; // over the vectors, before a gap is an error
const PING_AFTER_MS = 30000; // of silence; a hub closes after 90 s of it
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'; // in a hub's certificate, and in no device's

// Another store has our name, or had it. Before anything is written again we need a new one; of a
// fork, what the hub lacks is written again under it (fork.js).
export class Another extends Error {
  constructor(origin, isFork) {
    super(`this store is not the only one of its name: ${isFork ? 'fork' : 'behind'}`);
    Object.assign(this, { origin, isFork });
  }
}

export class Session extends EventEmitter {
  constructor(device) {
    super();
    this.device = device;
    this.replica = device.replica;
    this.origins = new Map(); // index on this connection -> { origin, publicKey }
    this.isLive = false; // WELCOME has been answered; the feed runs
    this.waiting = []; // scopes whose vectors are still to be asked for
    this.taken = 0; // ENTRIES that came
    this.left = 0; // entries that stood behind a gap in this pass over the vectors
    this.passes = 0;
    this.sideBySide = { up: 0, down: 0 }; // C frames
    this.verified = 0; // heads of others that held
    this.chained = 0; // entries whose place in the feed was checked by its chain
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
    this.pinging = setInterval(() => this.ping(), PING_AFTER_MS).unref();
    this.socket.on('error', (trouble) => this.fail(trouble));
    this.socket.on('close', () => this.fail(new Error('the hub closed the session')));
    return new Promise((resolve, reject) => {
      this.once('live', resolve);
      this.once('end', reject);
    });
  }

  close() {
    clearInterval(this.pinging);
    this.isLive = false;
    this.socket.terminate();
  }

  ping() {
    if (this.hub) this.send({ type: 'PING', nonce: 1 });
  }

  // Entries that were written meanwhile go up now.
  push() {
    if (this.isLive) this.upload.push();
  }

  fail(trouble) {
    clearInterval(this.pinging);
    this.trouble ??= trouble;
    this.isLive = false;
    if (this.listenerCount('end') > 0) this.emit('end', this.trouble);
  }

  send(frame) {
    const message = writeMessage(frame);
    this.sideBySide.up += isSideBySide(message);
    this.socket.send(message);
  }

  take(message) {
    if (this.trouble) return;
    try {
      const frame = readMessage(message);
      this.sideBySide.down += isSideBySide(message);
      if (frame) this.handle(frame);
    } catch (trouble) {
      if (trouble instanceof Refused) {
        this.send({ type: 'ERROR', code: trouble.code, text: trouble.message });
      }
      this.fail(trouble);
      this.socket.close();
      this.device.reload(); // nothing of a bad frame applies
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
      case 'ACK': return this.upload.ack(frame);
      case 'CREDIT': return this.upload.credit(frame);
      case 'LACK': return this.lack(frame);
      case 'HUBS': return undefined; // it goes where its command line says
      case 'PING': return this.send({ type: 'PONG', nonce: frame.nonce, wallMs: Date.now() });
      case 'PONG': return undefined;
      case 'ERROR': return this.fail(new Refused(frame.code, frame.text));
      case 'BYE': return this.fail(new Refused(frame.code, 'the hub says goodbye'));
      default: throw new Refused(OUT_OF_TURN, `${frame.type} is not for us`);
    }
  }

  // It keeps no heads of others, so there is nothing that it could prove.
  lack({ scope, logs }) {
    for (const [origin, lane] of logs) {
      this.send({ type: 'REFILL', origin, lane, scope, proof: null, bodies: [],
        hashes: Buffer.alloc(0) });
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
    this.upload = new Upload(device, this.ours, frame, (up) => this.send(up));
    this.compare(frame);
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

  // Is what the hub has of our logs what we have? Where our branch is the longer one only we see that
  // there are two. What is ours and there counts as acknowledged.
  compare({ verdict, yours }) {
    const [{ origin: writing }] = this.ours;
    let forked = verdict === FORK ? writing : null;
    for (const [index, lane, durable, , chain] of yours) {
      const { origin } = this.ours[index];
      const entry = this.replica.entry(origin, lane, durable);
      if (!entry || chain.equals(CHAIN_0)) continue; // behind, or the hub has a hole there
      if (entry.chain.equals(chain)) this.device.acked.set(logKey(origin, lane), durable);
      else forked ??= origin;
    }
    this.device.save();
    if (forked) throw new Another(forked, true);
    if (verdict === BEHIND) throw new Another(writing, false);
  }

  goLive(cursor) {
    this.device.cursor = cursor;
    this.device.save();
    this.isLive = true;
    this.upload.push();
    this.emit('live');
  }

  // ---- vectors ----

  nextVector(from) {
    const [scope] = this.waiting;
    if (scope === undefined) return this.vectorsEnd();
    const after = from ? logKey(...from) : '';
    const logs = [...this.replica.vector(scope)].sort(([a], [b]) => (a < b ? -1 : 1))
      .filter(([key]) => key > after).slice(0, VECTOR_LOGS)
      .map(([, { origin, lane, seq }]) => [origin, lane, seq]);
    const to = logs.length === VECTOR_LOGS ? logs.at(-1).slice(0, 2) : null; // there may be more
    return this.send({ type: 'VECTOR', scope, from, to, logs });
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
      this.passes += 1;
      if (this.passes === PASSES) throw new Refused(GAP, 'gaps remain in the vectors');
      this.left = 0;
      this.waiting = [...this.scopes];
      return this.nextVector(null);
    }
    this.send({ type: 'START', position: this.next.position, chain: this.next.chain });
    return this.goLive(this.next);
  }

  // ---- what comes down ----

  // A certificate is by the CA that we trust, for that key; or there is none yet.
  origin(frame) {
    let isHub = false;
    if (frame.certificate.length > 0) {
      const certificate = new X509Certificate(frame.certificate);
      const ca = new X509Certificate(this.device.read('ca.pem'));
      const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
      const isGood = certificate.checkIssued(ca) && certificate.verify(ca.publicKey)
        && keyId(spki).equals(frame.keyId);
      if (!isGood) throw new Refused(SIGNATURE, 'a certificate that is not to be trusted');
      isHub = certificate.keyUsage.includes(SERVER_AUTH);
    }
    this.origins.set(frame.index, { origin: this.replica.addOrigin(frame), isHub });
  }

  named(index) {
    const named = this.origins.get(index);
    if (!named) throw new Refused(OUT_OF_TURN, `index ${index} before its ORIGIN`);
    return named;
  }

  *read(runs) {
    for (const [index, lane, bodies] of runs) {
      const { origin, isHub } = this.named(index);
      for (const body of bodies) {
        const entry = readEntry(origin, lane, body);
        const mayControl = lane === 0 && isHub;
        const isOutside = ({ ops, type }) => ops !== null && type < PACK_TYPES_FROM !== mayControl;
        if (entry.parts.some(isOutside)) {
          throw new Refused(MALFORMED, "control records outside a hub's control log");
        }
        yield entry;
      }
    }
  }

  entries({ runs }) {
    for (const entry of this.read(runs)) {
      try {
        this.replica.add(entry);
      } catch (trouble) {
        if (this.device.isOwn(entry.origin)) continue; // it does not fit the branch that we hold
        if (trouble.code !== GAP) throw trouble;
        this.left += 1;
      }
    }
    this.taken += 1;
    this.send({ type: 'TAKEN', frames: this.taken });
  }

  // The chain can be computed where nothing of the range was filtered out. An entry that a verdict
  // opened comes once more, behind that verdict, and has no place of its own.
  feed({ from, to, chain, runs }) {
    const { cursor } = this.device;
    if (from !== cursor.position || to < from) throw new Refused(GAP, `a feed from ${from}`);
    let count = 0;
    let computed = cursor.chain;
    for (const entry of this.read(runs)) {
      const isKnown = this.replica.entry(entry.origin, entry.lane, entry.seq) !== undefined;
      this.replica.add(entry);
      if (isKnown) continue;
      computed = feedNext(computed, entry.chain);
      count += 1;
    }
    if (count > to - from) throw new Refused(CHAIN, 'a feed of more than its range');
    if (count === to - from && !computed.equals(chain)) throw new Refused(CHAIN, 'the feed chain');
    this.chained += count === to - from ? count : 0;
    this.device.cursor = { ...cursor, position: to, chain };
    this.device.save();
    this.send({ type: 'FEED_ACK', position: to });
    this.emit('fed');
  }

  // Each head: its signature by the author's key, and our own chain under its root.
  heads({ heads, number }) {
    for (const [index, lane, seq, hlc, top, signature, leaves] of heads) {
      const { origin } = this.named(index);
      const { certificate } = this.replica.origins.get(origin.toString('hex'));
      const head = { origin, lane, seq, hlc, root: top, signature };
      if (certificate.length > 0) {
        const { publicKey } = new X509Certificate(certificate);
        if (!headIsSigned(head, publicKey)) throw new Refused(CHAIN, 'a head of another hand');
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
}
