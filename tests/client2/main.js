#!/usr/bin/env node
// main.js: the client as a process: `node main.js DIRECTORY`, a JSON object a line in, one out.
// An answer to "put" or "resolve" is a promise: the entry is on this disk.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Device } from './device.js';
import { enrol } from './enrol.js';
import { leaveBranch } from './fork.js';
import { hex, recordIdOfText, recordIdText } from './names.js';
import { fieldNamed, typeNamed } from './pack.js';
import { Another, Session } from './session.js';
import { Writer } from './write.js';

const device = new Device(process.argv[2]);
const writer = new Writer(device);
let session = null;

const mayWrite = () => device.scopes.find(([, , may]) => may)?.[0];
const dotText = ({ origin, lane, seq }) => `${hex(origin)}/${lane}/${seq}`;

function typeOf(name) {
  const type = typeNamed(device.replica.pack(), name);
  if (!type) throw new Error(`no type is called ${name}`);
  return type;
}

// "crime_01m8..." -> the record that is meant; of a new one, only its type and scope.
function target({ type, id, scope }) {
  if (!id) return { scope: scope ?? mayWrite(), type: typeOf(type).number };
  const { number } = typeOf(id.slice(0, -27));
  const bytes = recordIdOfText(id);
  const held = device.replica.views().find((view) => view.type === number && view.id.equals(bytes));
  return { scope: scope ?? held?.scope ?? mayWrite(), type: number, id: bytes };
}

function numbered(record, values) {
  const type = device.replica.pack().types.get(record.type);
  return Object.entries(values).map(([name, value]) => [fieldNamed(type, name).number, value]);
}

const nameOf = (view) => recordIdText(device.replica.pack().types.get(view.type).name, view.id);

const shownField = (field) => ({
  field: field.name, value: field.value, conflict: field.isConflict,
  values: field.ordered.map((write) => ({ value: write.value, actor: write.actor,
    at: dotText(write), reason: write.reason })),
});

const shownRecord = (view) => ({ id: nameOf(view), scope: view.scope, standing: view.standing,
  fields: view.fields.map(shownField) });

function written(record, entry) {
  session?.push();
  return { id: nameOf({ ...record, id: entry.parts[0].id }), at: dotText(entry) };
}

function leave({ isFork, origin }) {
  if (isFork) return leaveBranch(device, origin);
  device.renew();
  return device.save();
}

const commands = {
  enrol: ({ token }) => enrol(device, readFileSync(token, 'utf8')),

  async connect() {
    session?.close();
    session = new Session(device);
    try {
      await session.open();
    } catch (trouble) {
      if (!(trouble instanceof Another)) throw trouble;
      leave(trouble);
      return { ...await commands.connect(), forked: trouble.isFork }; // by its new name
    }
    return { verdict: session.hub.verdict };
  },

  put({ values, actor, reason, ...of }) {
    const record = target(of);
    return written(record, writer.put(record, numbered(record, values), { actor, reason }));
  },

  remove({ field, value, actor, ...of }) {
    const record = target(of);
    const [[number]] = numbered(record, { [field]: value });
    return written(record, writer.remove(record, number, value, { actor }));
  },

  resolve({ field, value, actor, reason, ...of }) {
    const record = target(of);
    const [[number]] = numbered(record, { [field]: value });
    const view = device.replica.view(device.replica.record(record.scope, record.type, record.id));
    const shown = view.fields.find((found) => found.number === number).ordered;
    return written(record, writer.resolve(record, number, value, { actor, reason, shown }));
  },

  delete({ reason, actor, ...of }) {
    const record = target(of);
    return written(record, writer.delete(record, { reason, actor }));
  },

  show(of) {
    const { scope, type, id } = target(of);
    const record = device.replica.record(scope, type, id);
    return record ? shownRecord(device.replica.view(record)) : { id: of.id, fields: [] };
  },

  records: () => ({ records: device.replica.views().map(shownRecord) }),

  conflicts: () => ({ conflicts: device.replica.conflicts().map((view) => ({ id: nameOf(view),
    ...(view.field ? shownField(view.field) : { field: '_deleted' }) })) }),

  status() {
    const upload = session?.isLive ? session.upload : null;
    return {
      origin: hex(device.origin), pack: device.replica.pack().version,
      entries: device.replica.entries.length,
      holes: device.replica.allHoles().map((hole) => ({ at: dotText(hole), reason: hole.reason })),
      scopes: device.scopes, position: device.cursor?.position ?? 0,
      connected: session?.isLive ?? false, code: session?.trouble?.code ?? null,
      at_the_hub: upload?.isAllThere() ?? false, signed: upload?.isAllSigned() ?? false,
      side_by_side: session?.sideBySide ?? null,
      heads_checked: session?.verified ?? 0, feed_checked: session?.chained ?? 0,
      notices: (upload?.notices ?? []).map((n) => ({ at: dotText(n), code: n.code, text: n.text })),
    };
  },

  // For tests, as after a harm: the place in the feed is gone, or all that was held; or what hubs
  // acknowledged, as if no ACK had come.
  forget({ entries = false, acks = false }) {
    session?.close();
    session = null;
    if (acks) device.acked.clear();
    if (acks) device.save();
    else device.forget(entries);
    return {};
  },

  digests: () => ({ digests: Object.fromEntries(device.scopes.map(([number]) =>
    [number, hex(device.replica.digest(number))])) }),
};

async function answer(line) {
  try {
    const { do: command, ...rest } = JSON.parse(line);
    return { ok: true, ...await commands[command](rest) };
  } catch (trouble) {
    return { ok: false, error: trouble.message, code: trouble.code ?? null };
  }
}

const json = (value) => JSON.stringify(value, (_, item) =>
  (typeof item === 'bigint' ? item.toString() : item));

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${json(await answer(line))}\n`);
}
session?.close();
process.exit(0);
