// test_client.js: a client that was written from protocol.md alone works with our hub and our edge.
import { equal, expect, until } from './world.js';

const crimeAt = (node, id) => node.json('get', id);
const fieldOf = (record, name) => record.fields.find(({ field }) => field === name);
const allThere = (client) => until('all is at the hub, signed', async () => {
  const status = await client.do('status');
  return status.at_the_hub && status.signed && status;
});

// All three hold the same, scope by scope, and each says so by itself.
async function agree(hub, edge, client) {
  const scope = (await client.do('status')).scopes.find(([, , mayWrite]) => mayWrite)[0];
  await until('all three have the same digests', async () => {
    const [a, b, c] = [await hub.digests(), await edge.digests(),
      (await client.do('digests')).digests];
    return [1, scope].every((number) => a[number] === b[number] && b[number] === c[number]);
  });
  const home = (await client.do('status')).scopes.find(([, name]) => name.startsWith('device/'));
  const [atHub, here] = [await hub.digests(), (await client.do('digests')).digests];
  equal(atHub[home[0]] ?? '0'.repeat(64), here[home[0]], 'digest of the home scope');
}

export async function it_enrols_pushes_and_reads_what_the_other_wrote(world) {
  const [hub, edge, client] = await world.three();
  const ours = await client.do('put', { type: 'crime', actor: 'PC Node',
    values: { summary: 'Window forced', status: 'recorded', harm_score: 5 } });
  await allThere(client);
  const [theirs] = (await edge.ask('put', 'crime', 'summary=Bicycle gone', 'mo=distraction'))
    .trim().split('\n');
  await until('the edge shows ours', async () =>
    (await edge.json('list')).records.some(({ id }) => id === ours.id));
  equal(fieldOf(await crimeAt(edge, ours.id), 'summary').value, 'Window forced', 'ours, there');
  const found = await until('theirs is here', async () => {
    const record = await client.do('show', { id: theirs });
    return record.fields.length > 0 && record;
  });
  equal(fieldOf(found, 'summary').value, 'Bicycle gone', 'theirs, here');
  await agree(hub, edge, client);
}

export async function it_checks_the_chain_of_the_feed_and_every_head(world) {
  const [, edge, client] = await world.three();
  for (let count = 0; count < 5; count += 1) await edge.ask('put', 'note', `subject=${count}`);
  await until('the heads of the edge were checked', async () => {
    const status = await client.do('status');
    return status.heads_checked >= 2 && status.feed_checked >= 5;
  });
}

export async function a_conflict_is_seen_on_both_sides_and_a_choice_here_ends_it_there(world) {
  const [hub, edge, client] = await world.three();
  const { id } = await client.do('put', { type: 'crime', values: { summary: 'One offender' } });
  await until('the edge has it', async () => (await edge.json('list')).records.length === 1);

  await hubAway(world, async () => { // both edit one field apart
    await client.do('put', { id, values: { summary: 'Two offenders' } });
    await edge.ask('put', 'crime', '--id', id, 'summary=Three offenders');
  });
  await connect(client);
  const values = ['Three offenders', 'Two offenders'];
  const seen = await until('the conflict is here', async () =>
    (await client.do('conflicts')).conflicts.find((conflict) => conflict.field === 'summary'));
  equal(seen.values.map(({ value }) => value).sort(), values, 'the values here');
  const there = await until('the conflict is there', async () =>
    (await edge.json('conflicts')).conflicts.find((conflict) => conflict.field === 'summary'));
  equal(there.values.map(({ value }) => value).sort(), values, 'the values there');
  equal(there.values.map(({ value }) => value), seen.values.map(({ value }) => value), 'the order');

  const refused = await client.try('put', { id, values: { summary: 'Four' } });
  expect(!refused.ok, 'a plain write went over a dispute');
  await client.do('resolve', { id, field: 'summary', value: 'Two offenders',
    reason: 'the camera shows two' });
  await until('it has ended at the edge', async () =>
    (await edge.json('conflicts')).total === 0);
  const [value] = fieldOf(await crimeAt(edge, id), 'summary').values;
  equal([value.value, value.reason], ['Two offenders', 'the camera shows two'], 'what stands');
  equal((await client.do('conflicts')).conflicts, [], 'conflicts here');
  await agree(hub, edge, client);
}

async function hubAway(world, work) {
  world.hub.end();
  await new Promise((resolve) => { world.hub.process.once('exit', resolve); });
  await work();
  world.hub.start();
}

const connect = (client) => until('the hub is back', async () =>
  (await client.try('connect')).ok);

export async function sets_logs_states_and_deletes_come_to_the_same_on_all_sides(world) {
  const [hub, edge, client] = await world.three();
  const { id } = await client.do('put', { type: 'crime',
    values: { mo: 'online', log: 'rang', status: 'recorded', risk: 'medium' } });
  await client.do('put', { id, values: { mo: 'distraction', log: 'rang again' } });
  await client.do('put', { type: 'note', values: { subject: 'Gone soon' } });
  await until('the edge has them', async () => (await edge.json('list')).records.length === 2);
  await edge.ask('put', 'crime', '--id', id, 'log=nobody in', 'status=under_investigation');
  await edge.ask('put', 'crime', '--id', id, '--remove', 'mo=online');
  const note = (await edge.json('list', 'note')).records[0].id;
  await edge.ask('delete', note, '--reason', 'entered twice');
  const record = await until('the edits are here', async () => {
    const found = await client.do('show', { id });
    return fieldOf(found, 'mo').values.length === 1 && found;
  });
  equal(fieldOf(record, 'status').value, 'under_investigation', 'status');
  equal(fieldOf(record, 'log').values.map(({ value }) => value),
    ['rang', 'rang again', 'nobody in'], 'log');
  await until('the note is deleted here', async () =>
    (await client.do('show', { id: note })).standing === 'deleted');
  expect(!(await client.try('put', { id, values: { risk: 'standard' } })).ok, 'a laxer risk');
  await agree(hub, edge, client);
}

export async function killed_at_any_moment_it_goes_on_and_has_lost_nothing(world) {
  const [hub, edge, client] = await world.three();
  const promised = [];
  for (let round = 0; round < 5; round += 1) {
    for (let count = 0; count < 3; count += 1) {
      promised.push((await client.do('put', { type: 'note',
        values: { subject: `${round}/${count}` } })).id);
    }
    await edge.ask('put', 'note', `subject=theirs ${round}`);
    client.say('put', { type: 'note', values: { subject: 'promised to nobody' } });
    await new Promise((resolve) => { setTimeout(resolve, 4 * round); });
    await client.kill();
    client.start();
    const here = (await client.do('records')).records.map(({ id }) => id);
    expect(promised.every((id) => here.includes(id)), `round ${round}: a promised record is gone`);
    equal((await client.do('connect')).verdict, 0, 'the verdict: it resumes');
  }
  await allThere(client);
  await until('the edge has all', async () => {
    const { records } = await edge.json('list');
    return promised.every((id) => records.some((record) => record.id === id));
  });
  await agree(hub, edge, client);
}

export async function without_its_place_it_asks_by_vectors_and_gets_what_it_lacks(world) {
  const [hub, edge, client] = await world.three();
  await client.do('put', { type: 'note', values: { subject: 'mine' } });
  await allThere(client);
  await client.do('forget');
  await client.kill();
  await edge.ask('put', 'note', 'subject=meanwhile');
  client.start();
  equal((await client.do('connect')).verdict, 1, 'the verdict: vectors');
  await until('it has what it lacked', async () =>
    (await client.do('records')).records.length === 2);
  await agree(hub, edge, client);
}

export async function a_store_that_lost_its_own_entries_takes_a_new_name_and_gets_them_back(world) {
  const [hub, edge, client] = await world.three();
  await client.do('put', { type: 'note', values: { subject: 'before' } });
  const { origin } = await allThere(client);
  await client.do('forget', { entries: true });
  equal((await client.do('connect')).verdict, 0, 'the verdict on the new name');
  await until('it has them back', async () => (await client.do('records')).records.length === 1);
  expect((await client.do('status')).origin !== origin, 'it writes under its old name');
  await client.do('put', { type: 'note', values: { subject: 'after' } });
  await until('the edge has both', async () => (await edge.json('list')).records.length === 2);
  await agree(hub, edge, client);
}

export async function a_withheld_entry_is_a_hole_for_all_with_the_same_reason(world) {
  const [hub, edge, client] = await world.three();
  const withheld = await client.do('put', { type: 'note', scope: 999,
    values: { subject: 'not ours to write in' } });
  const behind = await client.do('put', { type: 'note', values: { subject: 'goes on' } });
  const status = await until('the notice has come', async () => {
    const found = await client.do('status');
    return found.notices.length > 0 && found.holes.length > 0 && found;
  });
  equal([status.notices[0].at, status.notices[0].code], [withheld.at, 600], 'the notice');
  equal(status.holes, [{ at: withheld.at, reason: 600 }], 'the hole');
  await until('what is behind it is at the edge', async () =>
    (await edge.json('list')).records.some(({ id }) => id === behind.id));
  await agree(hub, edge, client);
}

export async function what_it_sends_is_squeezed_and_what_it_gets_is_opened(world) {
  const [hub, edge, client] = await world.three();
  const long = 'she said that the door was open when she came back from work. '.repeat(40);
  await client.do('put', { type: 'note', values: { text: long } });
  await allThere(client);
  const [id] = (await edge.ask('put', 'note', `text=${long}`)).trim().split('\n');
  const record = await until('theirs is here', async () => {
    const found = await client.do('show', { id });
    return found.fields.length > 0 && found;
  });
  equal(fieldOf(record, 'text').values[0].value, long, 'the text');
  await agree(hub, edge, client);
}
