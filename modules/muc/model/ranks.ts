// Roles and affiliations (XEP-0045 §5), and the specification's tables of permissions to change them.

/** Valid for one visit (§5.1). Every occupant has one; `none` means that there is no occupant. */
export type Role = 'visitor' | 'participant' | 'moderator';
/** Valid across visits (§5.2). */
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

/** §5.1.2: the initial role for each affiliation. Outcasts cannot enter. */
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
 * The role of an occupant whose affiliation changes. A higher affiliation raises the role to its initial role; a lower
 * one takes back a role that came with the former affiliation (§5.1.3 leaves that to the implementation).
 */
export function roleAfter(role: Role, before: Affiliation, after: Affiliation, moderated: boolean): Role {
  const ordinary = defaultRole(after, moderated);
  if (!isAtLeast(after, before)) return ordinary;
  return ROLES.indexOf(role) >= ROLES.indexOf(ordinary) ? role : ordinary;
}

export type Refusal = 'forbidden' | 'not-allowed';

/** §5.2.2, the affiliation state chart: the least affiliation of an actor who changes the row to the column. */
const WHO_CHANGES_AFFILIATION: Record<Affiliation, Record<Affiliation, 'admin' | 'owner'>> = {
  outcast: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  none: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  member: { outcast: 'admin', none: 'admin', member: 'admin', admin: 'owner', owner: 'owner' },
  admin: { outcast: 'owner', none: 'owner', member: 'owner', admin: 'owner', owner: 'owner' },
  owner: { outcast: 'owner', none: 'owner', member: 'owner', admin: 'owner', owner: 'owner' },
};

/**
 * The reason why `actor` may not change `before` to `after`; `undefined` if it may. A ban of a user with a higher
 * affiliation is `not-allowed` (§9.1), everything else `forbidden` (§9, §10.3 to §10.8).
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

/**
 * §5.1.3, the role state chart: who may change the row to the column. `admin`: users with affiliation admin or owner.
 */
const WHO_CHANGES_ROLE: Record<Role, Record<Role | 'none', 'moderator' | 'admin'>> = {
  visitor: { none: 'moderator', visitor: 'moderator', participant: 'moderator', moderator: 'admin' },
  participant: { none: 'moderator', visitor: 'moderator', participant: 'moderator', moderator: 'admin' },
  moderator: { none: 'admin', visitor: 'admin', participant: 'admin', moderator: 'moderator' },
};

interface Actor {
  readonly affiliation: Affiliation;
  /** Whether the user is in the room as a moderator. */
  readonly moderates: boolean;
}

interface Subordinate {
  readonly affiliation: Affiliation;
  readonly role: Role;
}

/** The reason why `actor` may not give `target` the role `after` (`none`: a kick); `undefined` if it may. */
export function refuseRole(actor: Actor, target: Subordinate, after: Role | 'none'): Refusal | undefined {
  const isAdmin = isAtLeast(actor.affiliation, 'admin');
  const needed = WHO_CHANGES_ROLE[target.role][after];
  // Admins, present or not, grant and revoke moderator status (§9.6, §9.7); moderators change other roles (§8).
  const concernsStatus = after === 'moderator' || (target.role === 'moderator' && after === 'participant');
  if (!actor.moderates && !(concernsStatus && isAdmin)) return 'forbidden';
  // §9.8: `not-allowed`, not `forbidden`, for a change that no user may make.
  if (isProtected(actor, target, after)) return 'not-allowed';
  if (isAdmin) return undefined;
  if (concernsStatus) return 'forbidden';
  return needed === 'admin' ? 'not-allowed' : undefined;
}

/** Whether the target's affiliation protects it from this change, independent of the actor's privileges. */
function isProtected(actor: Actor, target: Subordinate, after: Role | 'none'): boolean {
  // §8.2: "A user cannot be kicked by a moderator with a lower affiliation."
  if (after === 'none') return !isAtLeast(actor.affiliation, target.affiliation);
  if (after === 'moderator' || after === target.role) return false;
  // §8.4, §9.8: voice or moderator status of an admin or owner cannot be revoked.
  if (isAtLeast(target.affiliation, 'admin')) return true;
  if (after !== 'visitor') return false;
  // §8.4: nor voice of a user "at or above the moderator's level"; `none` is not a level.
  return target.affiliation !== 'none' && isAtLeast(target.affiliation, actor.affiliation);
}
