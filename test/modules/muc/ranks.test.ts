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

test('XEP-0045 §5.1.2: each affiliation has its initial role', () => {
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

test('XEP-0045 §5.1.3: a changed affiliation changes the role immediately', () => {
  assert.equal(roleAfter('participant', 'none', 'admin', false), 'moderator');
  assert.equal(roleAfter('visitor', 'none', 'member', true), 'participant');
  assert.equal(roleAfter('moderator', 'none', 'member', true), 'moderator');
  assert.equal(roleAfter('moderator', 'admin', 'none', false), 'participant');
  assert.equal(roleAfter('moderator', 'owner', 'admin', false), 'moderator');
});

test('XEP-0045 §9: only admins and owners change affiliations', () => {
  for (const actor of BELOW_ADMIN) {
    for (const before of AFFILIATIONS) {
      for (const after of AFFILIATIONS) assert.equal(refuseAffiliation(actor, before, after), 'forbidden');
    }
  }
});

test('XEP-0045 §5.2.2: an owner may change every affiliation', () => {
  for (const before of AFFILIATIONS) {
    for (const after of AFFILIATIONS) assert.equal(refuseAffiliation('owner', before, after), undefined);
  }
});

test('XEP-0045 §5.2.2: an admin changes bans and memberships, but not admins and owners', () => {
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

test('XEP-0045 §8.2: a moderator kicks occupants who are not moderators and have no higher affiliation', () => {
  assert.equal(refuseRole(moderator('none'), target('none', 'participant'), 'none'), undefined);
  assert.equal(refuseRole(moderator('none'), target('none', 'visitor'), 'none'), undefined);
  assert.equal(refuseRole(moderator('none'), target('member', 'participant'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('member'), target('admin', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('admin'), target('owner', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('none'), target('none', 'moderator'), 'none'), 'not-allowed');
  assert.equal(refuseRole(moderator('admin'), target('member', 'moderator'), 'none'), undefined);
  assert.equal(refuseRole(moderator('owner'), target('admin', 'moderator'), 'none'), undefined);
});

test('XEP-0045 §8: only moderators kick, and grant and revoke voice', () => {
  for (const affiliation of AFFILIATIONS) {
    const actor = { affiliation, moderates: false };
    assert.equal(refuseRole(actor, target('none', 'participant'), 'none'), 'forbidden');
    assert.equal(refuseRole(actor, target('none', 'participant'), 'visitor'), 'forbidden');
    assert.equal(refuseRole(actor, target('none', 'visitor'), 'participant'), 'forbidden');
  }
});

test('XEP-0045 §8.3, §8.4: moderators grant voice to all, and revoke it from lower affiliations', () => {
  assert.equal(refuseRole(moderator('none'), target('member', 'visitor'), 'participant'), undefined);
  assert.equal(refuseRole(moderator('none'), target('none', 'participant'), 'visitor'), undefined);
  assert.equal(refuseRole(moderator('member'), target('none', 'participant'), 'visitor'), undefined);
  assert.equal(refuseRole(moderator('member'), target('member', 'participant'), 'visitor'), 'not-allowed');
  assert.equal(refuseRole(moderator('none'), target('member', 'participant'), 'visitor'), 'not-allowed');
  assert.equal(refuseRole(moderator('owner'), target('admin', 'moderator'), 'visitor'), 'not-allowed');
});

test('XEP-0045 §9.6, §9.7: admins grant and revoke moderator status, in the room or not', () => {
  const absent = { affiliation: 'admin', moderates: false } as const;
  assert.equal(refuseRole(absent, target('none', 'visitor'), 'moderator'), undefined);
  assert.equal(refuseRole(absent, target('member', 'moderator'), 'participant'), undefined);
  assert.equal(refuseRole(moderator('member'), target('none', 'participant'), 'moderator'), 'forbidden');
  assert.equal(refuseRole(moderator('member'), target('none', 'moderator'), 'participant'), 'forbidden');
});

test('XEP-0045 §9.8: moderator status of an admin or owner cannot be revoked', () => {
  for (const actor of ['none', 'member', 'admin', 'owner'] as const) {
    for (const affiliation of ['admin', 'owner'] as const) {
      assert.equal(
        refuseRole(moderator(actor), target(affiliation, 'moderator'), 'participant'),
        'not-allowed',
      );
    }
  }
});

test('XEP-0045 §9: users who are neither moderators nor admins get forbidden, whatever the target', () => {
  const actor = { affiliation: 'member', moderates: false } as const;
  for (const affiliation of ['none', 'admin', 'owner'] as const) {
    assert.equal(refuseRole(actor, target(affiliation, 'moderator'), 'participant'), 'forbidden');
  }
});
