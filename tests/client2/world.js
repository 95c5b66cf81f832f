// world.js: one test's world: a hub, devices of ours and of the C program's, all gone at the end.
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Device } from './device.js';
import { enrol } from './enrol.js';
import { Session } from './session.js';

const SECONDS = 120; // for what should take moments, however slow or busy the machine is
const TAIL = 20; // lines of each log, when a test failed
const HERE = new URL('.', import.meta.url).pathname;
export const SCOPE = 'beds/response';

export function expect(isSo, sentence) {
  if (!isSo) throw new Error(sentence);
}

export function equal(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${b} was due, and it is ${a}`);
}

// Asks until the answer is true; what it was then is returned.
export async function until(what, ask) {
  for (const end = Date.now() + SECONDS * 1000; ;) {
    const found = await ask();
    if (found) return found;
    expect(Date.now() < end, `${what}: not within ${SECONDS} s`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

// One of the C programs with a data directory; started with `run --foreground`.
class Program {
  constructor(world, program, name) {
    Object.assign(this, { name, data: join(world.directory, name) });
    this.path = join(world.build, program);
    this.log = `${this.data}.log`;
  }

  ask(...words) {
    return new Promise((resolve, reject) => {
      execFile(this.path, ['--data', this.data, ...words], (trouble, out, err) => {
        if (trouble) reject(new Error(`${this.name} ${words.join(' ')}: ${trouble.code} ${err}`));
        else resolve(out);
      });
    });
  }

  async json(...words) {
    return JSON.parse(await this.ask(...words, '--json'));
  }

  start() {
    const log = openSync(this.log, 'a');
    this.process = spawn(this.path, ['--data', this.data, 'run', '--foreground'],
      { stdio: ['ignore', 'ignore', log] });
    closeSync(log);
  }

  end() {
    this.process?.kill('SIGKILL');
  }

  // The end of its log: for who must understand a failure from this alone.
  tail() {
    const lines = existsSync(this.log) ? readFileSync(this.log, 'utf8').trimEnd().split('\n') : [];
    return [`-- ${this.name}`, ...lines.slice(-TAIL).map((line) => line.slice(0, 300))].join('\n');
  }

  async digests() {
    const { digests, faults } = await this.json('verify');
    equal(faults, 0, `faults at ${this.name}`);
    return Object.fromEntries(digests.map(({ scope, digest }) => [scope, digest]));
  }
}

// Our own client, as a process of its own.
class Client {
  constructor(world, name) {
    Object.assign(this, { name, data: join(world.directory, name) });
    this.start();
  }

  start() {
    this.process = spawn(process.execPath, [join(HERE, 'main.js'), this.data],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdin.on('error', () => {}); // it was killed; the answer that lacks says so
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  say(command, of = {}) {
    this.process.stdin.write(`${JSON.stringify({ do: command, ...of })}\n`);
  }

  async try(command, of = {}) {
    this.say(command, of);
    const { value, done } = await this.lines.next();
    expect(!done, `${this.name} ended before it answered "${command}"`);
    return JSON.parse(value);
  }

  async do(command, of = {}) {
    const answer = await this.try(command, of);
    expect(answer.ok, `${this.name} ${command}: ${answer.error} (${answer.code})`);
    return answer;
  }

  // As a power cut would.
  async kill() {
    this.process.kill('SIGKILL');
    await new Promise((resolve) => { this.process.once('exit', resolve); });
  }

  end() {
    this.process.kill('SIGKILL');
  }
}

export class World {
  constructor(build) {
    this.build = build;
    this.directory = mkdtempSync(join(tmpdir(), 'holdfast-client2-'));
    this.nodes = [];
  }

  async makeHub() {
    const hub = new Program(this, 'holdfast-hub', 'hub');
    this.nodes.push(hub);
    this.hub = hub;
    await hub.ask('init', '--name', 'localhost', '--listen', '127.0.0.1:0', '--enrol',
      '127.0.0.1:0');
    hub.start();
    await until('the hub listens', () => existsSync(join(hub.data, 'ports')));
    return hub;
  }

  async token(name, scopes = SCOPE) {
    const file = join(this.directory, `${name}.token`);
    await this.hub.ask('token', '--name', name, '--force', 'beds', '--unit', 'response', '--scopes',
      scopes, '--out', file);
    return file;
  }

  async makeEdge(name) {
    const edge = new Program(this, 'holdfast-edge', name);
    this.nodes.push(edge);
    await edge.ask('init');
    await edge.ask('enrol', '--token-file', await this.token(name));
    edge.start();
    await until(`${name} is in sync`, async () =>
      (await edge.json('status')).link === 'in-sync');
    return edge;
  }

  async makeClient(name, scopes) {
    const client = new Client(this, name);
    this.nodes.push(client);
    await client.do('enrol', { token: await this.token(name, scopes) });
    await client.do('connect');
    await until(`${name} has the pack`, async () => (await client.do('status')).pack > 0);
    return client;
  }

  // A client within this process, for tests that send what no client would: enrolled, in sync.
  async makeDevice(name) {
    const device = new Device(join(this.directory, name));
    await enrol(device, readFileSync(await this.token(name), 'utf8'));
    const session = new Session(device);
    await session.open();
    await until(`${name} has the pack`, () => device.replica.pack().version > 0);
    session.close();
    return device;
  }

  // A hub, the C edge "rees" and our client "node".
  async three() {
    await this.makeHub();
    return [this.hub, await this.makeEdge('rees'), await this.makeClient('node')];
  }

  tails() {
    return this.nodes.map((node) => node.tail?.() ?? `-- ${node.name}: our client`).join('\n');
  }

  close(keep) {
    for (const node of this.nodes) node.end();
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }
}
