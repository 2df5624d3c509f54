// Roles and affiliations (XEP-0045 §5) and who may change them: the specification's tables as data.

/** Lasts for one visit (§5.1). An occupant always has one; `none` is the absence of an occupant. */
export type Role = 'visitor' | 'participant' | 'moderator';
/** Lasts across visits (§5.2). */
export type Affiliation = 'outcast' | 'none' | 'member' | 'admin' | 'owner';

const ROLES: readonly Role[] = ['visitor', 'participant', 'moderator'];
const AFFILIATIONS: readonly Affiliation[] = ['outcast', 'none', 'member', 'admin', 'owner'];

export function isRole(text: string | undefined): text is Role {
  return ROLES.includes(text as Role);
}

export function isAffiliation(text: string | undefined): text is Affiliation {
  return AFFILIATIONS.includes(text as Affiliation);
}

/** Whether `affiliation` is `least` or higher in the hierarchy of §5.2.1. */
export function isAtLeast(affiliation: Affiliation, least: Affiliation): boolean {
  return AFFILIATIONS.indexOf(affiliation) >= AFFILIATIONS.indexOf(least);
}

/** §5.1.2: the role that an affiliation enters with. Outcasts do not enter. */
const DEFAULT_ROLES: Record<Affiliation, { readonly open: Role; readonly moderated: Role }> = {
  outcast: { open: 'visitor', moderated: 'visitor' },
  none: { open: 'participant', moderated: 'visitor' },
  member: { open: 'participant', moderated: 'participant' },
  admin: { open: 'moderator', moderated: 'moderator' },
  owner: { open: 'moderator', moderated: 'moderator' },
};

export function defaultRole(affiliation: Affiliation, moderated: boolean): Role {
  return DEFAULT_ROLES[affiliation][moderated ? 'moderated' : 'open'];
}

/**
 * The role of an occupant whose affiliation changes. What a higher affiliation brings with it is gained at once; with
 * the loss of one goes back what it would not have had (§5.1.3 leaves that to us).
 */
export function roleAfter(role: Role, before: Affiliation, after: Affiliation, moderated: boolean): Role {
  const ordinary = defaultRole(after, moderated);
  if (!isAtLeast(after, before)) return ordinary;
  return ROLES.indexOf(role) >= ROLES.indexOf(ordinary) ? role : ordinary;
}

export type Refusal = 'forbidden' | 'not-allowed';

/** §5.2.2, the affiliation state chart: who may turn the row into the column. */
const WHO_CHANGES_AFFILIATION: Record<Affiliation, Record<Affiliation, 'admin' | 'owner'>> = {
  outcast: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  none: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  member: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  admin: { outcast: 'owner', none: 'owner', member: 'owner', admin: 'owner', owner: 'owner' },
  owner: { outcast: 'owner', none: 'owner', member: 'owner', admin: 'owner', owner: 'owner' },
};

/**
 * Why `actor` may not turn `before` into `after`; `undefined` when it may. A ban that reaches too high is
 * `not-allowed` (§9.1), everything else `forbidden` (§9, §10.3 to §10.8).
 */
export function refuseAffiliation(
  actor: Affiliation,
  before: Affiliation,
  after: Affiliation,
): Refusal | undefined {
  if (!isAtLeast(actor, 'admin')) return 'forbidden';
  if (isAtLeast(actor, WHO_CHANGES_AFFILIATION[before][after])) return undefined;
  return after === 'outcast' ? 'not-allowed' : 'forbidden';
}

/** §5.1.3, the role state chart: who may turn the row into the column. `admin`: by affiliation, admin or owner. */
const WHO_CHANGES_ROLE: Record<Role, Record<Role | 'none', 'moderator' | 'admin'>> = {
  visitor: { none: 'moderator', visitor: 'moderator', participant: 'moderator', moderator: 'admin' },
  participant: { none: 'moderator', visitor: 'moderator', participant: 'moderator', moderator: 'admin' },
  moderator: { none: 'admin', visitor: 'admin', participant: 'admin', moderator: 'moderator' },
};

interface Actor {
  readonly affiliation: Affiliation;
  /** Is in the room, as a moderator. */
  readonly moderates: boolean;
}

interface Subordinate {
  readonly affiliation: Affiliation;
  readonly role: Role;
}

/** Why `actor` may not give `target` the role `after` (`none`: kick it); `undefined` when it may. */
export function refuseRole(actor: Actor, target: Subordinate, after: Role | 'none'): Refusal | undefined {
  const isAdmin = isAtLeast(actor.affiliation, 'admin');
  const needed = WHO_CHANGES_ROLE[target.role][after];
  // Moderator status is the admins' business, present or not (§9.6, §9.7); the rest is the moderators' (§8).
  const concernsStatus = after === 'moderator' || (target.role === 'moderator' && after === 'participant');
  if (!actor.moderates && !(concernsStatus && isAdmin)) return 'forbidden';
  // §9.8: what nobody may do is not for want of privileges.
  if (isProtected(actor, target, after)) return 'not-allowed';
  if (isAdmin) return undefined;
  if (concernsStatus) return 'forbidden';
  return needed === 'admin' ? 'not-allowed' : undefined;
}

/** Whether the target's affiliation shields it from this change, whoever asks. */
function isProtected(actor: Actor, target: Subordinate, after: Role | 'none'): boolean {
  // §8.2: "A user cannot be kicked by a moderator with a lower affiliation."
  if (after === 'none') return !isAtLeast(actor.affiliation, target.affiliation);
  if (after === 'moderator' || after === target.role) return false;
  // §8.4, §9.8: nobody takes voice or moderator status from an admin or owner.
  if (isAtLeast(target.affiliation, 'admin')) return true;
  if (after !== 'visitor') return false;
  // §8.4: nor voice from one "at or above the moderator's level"; `none` is the absence of a level.
  return target.affiliation !== 'none' && isAtLeast(target.affiliation, actor.affiliation);
}
