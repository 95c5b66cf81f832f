// run.js: finds the tests, runs one after the other, counts.
import { appendFileSync, readdirSync } from 'node:fs';
import { World } from './world.js';

const HERE = new URL('.', import.meta.url);

async function tests() {
  const files = readdirSync(HERE).filter((name) => /^test_.*\.js$/.test(name)).sort();
  const modules = await Promise.all(files.map((name) => import(new URL(name, HERE))));
  return modules.flatMap((module) => Object.entries(module));
}

async function runOne(name, test, build) {
  const began = Date.now();
  const world = new World(build);
  let trouble = null;
  try {
    await test(world);
  } catch (caught) {
    trouble = caught;
  }
  const tails = trouble ? world.tails() : '';
  world.close(trouble !== null);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`${trouble ? 'FAILED' : 'ok'} ${name} (${seconds} s)`);
  if (trouble) console.log(`   ${trouble.stack}\n${tails}\n--\n   its files: ${world.directory}`);
  if (process.env.HOLDFAST_RESULTS) {
    appendFileSync(process.env.HOLDFAST_RESULTS,
      `client2:${name} ${trouble ? 'failed' : 'passed'}\n`);
  }
  return trouble === null;
}

const words = process.argv.slice(2);
const build = process.env.HOLDFAST_BUILD;
if (!build) {
  console.error('client2: say where the programs are: HOLDFAST_BUILD');
  process.exit(2);
}
const chosen = (await tests()).filter(([name]) =>
  words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error('client2: no test has such a name');
  process.exit(2);
}
let passed = 0;
for (const [name, test] of chosen) if (await runOne(name, test, build)) passed += 1;
console.log(`client2: ${passed} passed, ${chosen.length - passed} failed`);
process.exit(passed === chosen.length ? 0 : 1);
