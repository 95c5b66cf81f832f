// test_fork.js: two stores wrote under one name: a device that was restored from a copy and written
// to before it met the hub. Nothing that either wrote is lost, or stands twice.
import { cpSync, rmSync } from 'node:fs';
import { equal, expect, until } from './world.js';

const fieldOf = (record, name) => record.fields.find(({ field }) => field === name);
const shown = async (node, id, name) => fieldOf(await node.do('show', { id }), name);
const note = (client, subject) => client.do('put', { type: 'note', values: { subject } });
const allThere = (client) => until('all is at the hub, signed', async () => {
  const status = await client.do('status');
  return status.at_the_hub && status.signed && status;
});

// `shared` is written and sent; a copy is made; `theirs` is written and sent; the copy comes back.
async function restored(world, shared, theirs) {
  const [, edge, client] = await world.three();
  const before = await shared(client);
  await allThere(client);
  await client.kill();
  const copy = `${client.data}.copy`;
  cpSync(client.data, copy, { recursive: true });
  client.start();
  await client.do('connect');
  const sent = await theirs(client, before);
  await allThere(client);
  await client.kill();
  rmSync(client.data, { recursive: true });
  cpSync(copy, client.data, { recursive: true });
  client.start();
  return { edge, client, before, sent };
}

// The same on all sides, by digest: so nothing of the old branch is left here.
async function agree(world, edge, client) {
  const [scope] = (await client.do('status')).scopes.find(([, , mayWrite]) => mayWrite);
  await until('all three have the same digests', async () => {
    const all = [await world.hub.digests(), await edge.digests(),
      (await client.do('digests')).digests];
    return all.every((digests) => digests[scope] === all[0][scope]);
  });
}

const subjects = async (edge) => {
  const { records } = await edge.json('list', 'note');
  const full = await Promise.all(records.map(({ id }) => edge.json('get', id)));
  return full.map((record) => fieldOf(record, 'subject').value).sort();
};

async function both(world, mine) {
  const { edge, client } = await restored(world, (node) => note(node, 'as it was'),
    (node) => note(node, 'the branch that the hub has'));
  const { origin } = await client.do('status');
  for (const subject of mine) await note(client, subject);
  const { forked } = await client.do('connect');
  expect(forked, 'nobody saw the fork');
  const wanted = ['as it was', 'the branch that the hub has', ...mine].sort();
  await allThere(client);
  await until('the edge has both branches', async () =>
    (await edge.json('list', 'note')).records.length === wanted.length);
  equal(await subjects(edge), wanted, 'at the edge');
  expect((await client.do('status')).origin !== origin, 'it writes under its old name');
  await until('and so has the client', async () =>
    (await client.do('records')).records.length === wanted.length);
  await agree(world, edge, client);
}

export async function a_branch_as_long_as_the_hubs_is_written_again(world) {
  await both(world, ['only here']);
}

// The hub cannot tell from HELLO: the chain in WELCOME does.
export async function a_branch_that_is_longer_than_the_hubs_is_written_again(world) {
  await both(world, ['only here', 'and this', 'and that', 'and more', 'and the last']);
}

export async function what_is_written_again_means_what_it_meant(world) {
  const { edge, client, before } = await restored(world, async (node) => {
    const crime = await node.do('put', { type: 'crime',
      values: { summary: 'One offender', mo: 'online', log: 'rang' } });
    return { crime: crime.id, gone: (await note(node, 'entered twice')).id,
      kept: (await note(node, 'kept')).id };
  }, (node, { crime, gone }) => Promise.all([
    node.do('put', { id: crime, values: { summary: 'Two offenders' } }),
    node.do('put', { id: gone, values: { text: 'nobody who deletes it has seen this' } })]));
  const id = before.crime;
  await client.do('put', { id, values: { summary: 'Three offenders', log: 'rang again' } });
  await client.do('put', { id, values: { summary: 'Four offenders', mo: 'distraction' } });
  await client.do('remove', { id, field: 'mo', value: 'online' });
  await client.do('delete', { id: before.gone });
  await client.do('delete', { id: before.kept });
  expect((await client.do('connect')).forked, 'nobody saw the fork');
  await allThere(client);
  await agree(world, edge, client);
  const values = async (name) => (await shown(client, id, name)).values.map(({ value }) => value);
  equal((await values('summary')).sort(), ['Four offenders', 'Two offenders'], 'a conflict');
  equal(await values('mo'), ['distraction'], 'one was added, one taken out');
  equal(await values('log'), ['rang', 'rang again'], 'nothing stands twice');
  equal((await client.do('show', { id: before.kept })).standing, 'deleted', 'a delete');
  equal((await client.do('show', { id: before.gone })).standing, 'edited while deleted',
    'a delete of what was edited in the other branch');
}

// The hub has it, and we never heard so: the copy stands for the one that is there.
export async function an_entry_whose_ack_was_lost_does_not_stand_twice(world) {
  const { edge, client, before } = await restored(world, (node) => node.do('put',
    { type: 'crime', values: { summary: 'as it was', log: 'rang' } }),
  (node, { id }) => node.do('put', { id, values: { log: 'theirs' } }));
  await client.do('forget', { acks: true });
  await client.do('put', { id: before.id, values: { log: 'mine' } });
  expect((await client.do('connect')).forked, 'nobody saw the fork');
  await allThere(client);
  await agree(world, edge, client);
  equal((await shown(client, before.id, 'log')).values.map(({ value }) => value).sort(),
    ['mine', 'rang', 'theirs'], 'the log');
}

// Killed while it writes again: all of it was done, or none.
export async function killed_while_it_writes_again_it_loses_nothing(world) {
  const { edge, client } = await restored(world, (node) => note(node, 'as it was'),
    (node) => note(node, 'theirs'));
  for (let count = 0; count < 3; count += 1) await note(client, `mine ${count}`);
  for (let round = 0; round < 6; round += 1) {
    client.say('connect');
    await new Promise((resolve) => { setTimeout(resolve, 8 * round); });
    await client.kill();
    client.start();
  }
  await until('it connects', async () => (await client.try('connect')).ok);
  await allThere(client);
  await until('the edge has all', async () =>
    (await edge.json('list', 'note')).records.length === 5);
  await agree(world, edge, client);
}
