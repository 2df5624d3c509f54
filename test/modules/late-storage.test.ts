// The suites of the modules that read tables, and of those that ask them about other users, once more: on storage that
// forgets owners at rest. Code that reads what an owner has who was not loaded throws (docs/adr/0032). All suites run on it
// with ENJAMB_TEST_STORAGE=late. This file sets it, so it needs a process of its own.

process.env.ENJAMB_TEST_STORAGE = 'late';

for (const suite of [
  'roster',
  'roster-bounds',
  'roster-groups',
  'roster-subscription',
  'presence',
  'presence-remote',
  'presence-subscriptions',
  'message',
  'offline',
])
  await import(`./${suite}.test.ts`);
