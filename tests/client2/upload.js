// upload.js: what of ours the hub has, and what goes up next (protocol.md 4, PUSH, ACK and HEAD).
import { encode } from './cbor.js';
import { leafHash, root, signHead } from './head.js';
import { logKey } from './names.js';

const PUSH_BYTES = 65536; // of bodies in one PUSH, about
const size = (body) => encode(body).length;

export class Upload {
  // `ours`: our origins as HELLO listed them. `send` takes a frame.
  constructor(device, ours, welcome, send) {
    Object.assign(this, { device, replica: device.replica, ours, send });
    this.window = welcome.window;
    this.windows = new Map(); // lane -> [entries, bytes], where CREDIT changed WELCOME's
    this.known = new Map(); // log -> { durable, central, sent, head, signed }: seqs
    this.notices = [];
    for (const [index, lane, durable, central] of welcome.yours) {
      Object.assign(this.at(index, lane), { durable, central, sent: durable });
    }
  }

  at(index, lane) {
    const key = logKey(this.ours[index].origin, lane);
    if (!this.known.has(key)) {
      this.known.set(key, { durable: 0, central: 0, sent: 0, head: 0, signed: 0 });
    }
    return this.known.get(key);
  }

  // Our logs that hold something, in the order of service: [{ index, lane, entries, at }]
  logs() {
    return this.ours.flatMap(({ origin }, index) => this.replica.logs()
      .filter((log) => log.origin.equals(origin)).map(({ lane }) => ({ index, lane, origin,
        entries: this.replica.logEntries(origin, lane), at: this.at(index, lane) })))
      .sort((a, b) => a.lane - b.lane);
  }

  // Lanes in strict order: while something of a lower number waits, nothing of a higher one goes.
  push() {
    for (const log of this.logs()) {
      for (let bodies = this.next(log); bodies.length > 0; bodies = this.next(log)) {
        log.at.sent = bodies[bodies.length - 1][0];
        this.send({ type: 'PUSH', origin: log.index, lane: log.lane, bodies });
      }
      if (log.at.sent < log.entries.at(-1).seq) return; // its lane's window is full
    }
    for (const log of this.logs()) this.sign(log);
  }

  // The bodies of one frame. A window is a lane's, whichever of our names an entry is under; where
  // nothing waits for its ACK, one entry may go whatever its size. A 0 closes the lane.
  next({ lane, entries, at }) {
    const [entriesMax, bytesMax] = this.windows.get(lane) ?? this.window;
    const waiting = this.unacknowledged(lane);
    let count = waiting.length;
    let bytes = waiting.reduce((sum, entry) => sum + size(entry.body), 0);
    let frame = 0;
    const bodies = [];
    for (const { body } of entries.filter((entry) => entry.seq > at.sent)) {
      bytes += size(body);
      frame += size(body);
      const fits = count < entriesMax && bytesMax > 0 && (bytes <= bytesMax || count === 0);
      if (!fits || (bodies.length > 0 && frame > PUSH_BYTES)) break;
      bodies.push(body);
      count += 1;
    }
    return bodies;
  }

  unacknowledged(lane) {
    return this.logs().filter((log) => log.lane === lane).flatMap(({ entries, at }) =>
      entries.filter((entry) => entry.seq > at.durable && entry.seq <= at.sent));
  }

  // A head over all of the log, once the hub holds all of it.
  sign({ index, lane, origin, entries, at }) {
    const last = entries.at(-1);
    if (at.durable !== last.seq || at.signed === last.seq) return;
    const lastOf = new Map(entries.map((entry) => [entry.scope, entry]));
    const leaves = [...lastOf].sort(([a], [b]) => a - b)
      .map(([scope, { seq, chain }]) => leafHash(scope, seq, chain));
    const head = { origin, lane, seq: last.seq, hlc: last.hlc, root: root(leaves) };
    at.signed = last.seq;
    const signature = signHead(head, this.device.key);
    this.send({ type: 'HEAD', ...head, origin: index, signature });
  }

  ack({ logs, notices }) {
    for (const [index, lane, durable, central, head] of logs) {
      Object.assign(this.at(index, lane), { durable, central, head });
      this.device.acked.set(logKey(this.ours[index].origin, lane), durable);
    }
    this.device.save();
    for (const [index, lane, seq, code, text] of notices) {
      this.notices.push({ origin: this.ours[index].origin, lane, seq, code, text });
    }
    this.push();
  }

  credit({ lane, entries, bytes }) {
    this.windows.set(lane, [entries, bytes]);
    this.push();
  }

  // Everything of ours is on the hub's disk.
  isAllThere() {
    return this.logs().every(({ entries, at }) => at.durable === entries.at(-1).seq);
  }

  isAllSigned() {
    return this.logs().every(({ entries, at }) => at.head === entries.at(-1).seq);
  }
}
