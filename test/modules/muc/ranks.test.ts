import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Affiliation,
  defaultRole,
  type Role,
  refuseAffiliation,
  refuseRole,
  roleAfter,
} from '../../../modules/muc/model/ranks.ts';

const AFFILIATIONS: Affiliation[] = ['outcast', 'none', 'member', 'admin', 'owner'];
const BELOW_ADMIN: Affiliation[] = ['outcast', 'none', 'member'];

test('XEP-0045 §5.1.2: the role that each affiliation enters with', () => {
  assert.deepEqual(
    (['none', 'member', 'admin', 'owner'] as const).map((affiliation) => [
      defaultRole(affiliation, true),
      defaultRole(affiliation, false),
    ]),
    [
      ['visitor', 'participant'],
      ['participant', 'participant'],
      ['moderator', 'moderator'],
      ['moderator', 'moderator'],
    ],
  );
});

test('XEP-0045 §5.1.3: what an affiliation brings is gained at once, and lost with it', () => {
  assert.equal(roleAfter('participant', 'none', 'admin', false), 'moderator');
  assert.equal(roleAfter('visitor', 'none', 'member', true), 'participant');
  assert.equal(roleAfter('moderator', 'none', 'member', true), 'moderator');
  assert.equal(roleAfter('moderator', 'admin', 'none', false), 'participant');
  assert.equal(roleAfter('moderator', 'owner', 'admin', false), 'moderator');
});

test('XEP-0045 §9: nobody below admin changes any affiliation', () => {
  for (const actor of BELOW_ADMIN) {
    for (const before of AFFILIATIONS) {
      for (const after of AFFILIATIONS) assert.equal(refuseAffiliation(actor, before, after), 'forbidden');
    }
  }
});

test('XEP-0045 §5.2.2: an owner may make anything of anybody', () => {
  for (const before of AFFILIATIONS) {
    for (const after of AFFILIATIONS) assert.equal(refuseAffiliation('owner', before, after), undefined);
  }
});

test('XEP-0045 §5.2.2: an admin changes bans and memberships, and nothing of admins and owners', () => {
  for (const before of BELOW_ADMIN) {
    for (const after of BELOW_ADMIN) assert.equal(refuseAffiliation('admin', before, after), undefined);
    for (const after of ['admin', 'owner'] as const)
      assert.equal(refuseAffiliation('admin', before, after), 'forbidden');
  }
  for (const before of ['admin', 'owner'] as const) {
    // §9.1: "if an admin attempts to ban an owner, the service MUST deny the request and return <not-allowed/>".
    assert.equal(refuseAffiliation('admin', before, 'outcast'), 'not-allowed');
    for (const after of ['none', 'member', 'admin', 'owner'] as const) {
      assert.equal(refuseAffiliation('admin', before, after), 'forbidden');
    }
  }
});

const moderator = (affiliation: Affiliation) => ({ affiliation, moderates: true });
const target = (affiliation: Affiliation, role: Role) => ({ affiliation, role });

test('XEP-0045 §8.2: a moderator kicks who is no moderator and of no higher affiliation', () => {
  assert.equal(refuseRole(moderator('none'), target('none', 'participant'), 'none'), undefined);
  assert.equal(refuseRole(moderator('none'), target('none', 'visitor'), 'none'), undefined);
  assert.equal(refuseRole(moderator('none'), target('member', 'participant'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('member'), target('admin', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('admin'), target('owner', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('none'), target('none', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('admin'), target('member', 'moderator'), 'none'), undefined);
  assert.equal(refuseRole(moderator('owner'), target('admin', 'moderator'), 'none'), undefined);
});

test('XEP-0045 §8: who does not moderate may neither kick nor deal with voice', () => {
  for (const affiliation of AFFILIATIONS) {
    const actor = { affiliation, moderates: false };
    assert.equal(refuseRole(actor, target('none', 'participant'), 'none'), 'forbidden');
    assert.equal(refuseRole(actor, target('none', 'participant'), 'visitor'), 'forbidden');
    assert.equal(refuseRole(actor, target('none', 'visitor'), 'participant'), 'forbidden');
  }
});

test('XEP-0045 §8.3, §8.4: voice is granted to anybody, and taken from those below', () => {
  assert.equal(refuseRole(moderator('none'), target('member', 'visitor'), 'participant'), undefined);
  assert.equal(refuseRole(moderator('none'), target('none', 'participant'), 'visitor'), undefined);
  assert.equal(refuseRole(moderator('member'), target('none', 'participant'), 'visitor'), undefined);
  assert.equal(refuseRole(moderator('member'), target('member', 'participant'), 'visitor'), 'not-allowed');
  assert.equal(refuseRole(moderator('none'), target('member', 'participant'), 'visitor'), 'not-allowed');
  assert.equal(refuseRole(moderator('owner'), target('admin', 'moderator'), 'visitor'), 'not-allowed');
});

test('XEP-0045 §9.6, §9.7: admins, in the room or not, make and unmake moderators', () => {
  const absent = { affiliation: 'admin', moderates: false } as const;
  assert.equal(refuseRole(absent, target('none', 'visitor'), 'moderator'), undefined);
  assert.equal(refuseRole(absent, target('member', 'moderator'), 'participant'), undefined);
  assert.equal(refuseRole(moderator('member'), target('none', 'participant'), 'moderator'), 'forbidden');
  assert.equal(refuseRole(moderator('member'), target('none', 'moderator'), 'participant'), 'forbidden');
});

test('XEP-0045 §9.8: nobody takes moderator status from an admin or owner', () => {
  for (const actor of ['none', 'member', 'admin', 'owner'] as const) {
    for (const affiliation of ['admin', 'owner'] as const) {
      assert.equal(
        refuseRole(moderator(actor), target(affiliation, 'moderator'), 'participant'),
        'not-allowed',
      );
    }
  }
});

test('XEP-0045 §9: who neither moderates nor administrates is told forbidden, whoever the target is', () => {
  const actor = { affiliation: 'member', moderates: false } as const;
  for (const affiliation of ['none', 'admin', 'owner'] as const) {
    assert.equal(refuseRole(actor, target(affiliation, 'moderator'), 'participant'), 'forbidden');
  }
});
