// The version of what modules may rely on: the doors `enjamb/api` and `enjamb/xep`.

/** Rises when something is removed or changed; what is added does not count. docs/api-changes.md lists both. */
export const API_VERSION = 1;
