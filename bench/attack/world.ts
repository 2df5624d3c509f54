// Addresses, ports and domains of one attack. Plain data, because each process gets a copy.

/** One server under test. */
export interface Site {
  readonly address: string;
  readonly domain: string;
  /** With STARTTLS; the next port has direct TLS. */
  readonly c2s: number;
  readonly c2sTls: number;
  readonly s2s: number;
  readonly s2sTls: number;
  readonly component: number;
}

export interface World {
  /** The server under attack. */
  readonly home: Site;
  /** A second enjamb, if the attack needs one. */
  readonly away: Site;
  /** The address of foreign servers: those of EVIL and of all domains below it. */
  readonly stranger: { readonly address: string; readonly port: number };
  /** The folder with a certificate for each domain. */
  readonly certificates: string;
  readonly seconds: number;
}

export const HOME = 'home.example';
export const ROOMS = 'rooms.home.example';
/** An external component. */
export const BOT = 'bot.home.example';
export const BOT_SECRET = 'open sesame';
export const AWAY = 'away.example';
/** Domains of the second server that have no link yet. */
export const FRESH = Array.from({ length: 30 }, (_, i) => `fresh${i}.example`);
/** The DNS resolves all domains below it to the attacker's server. */
export const EVIL = 'evil.example';
/** The DNS does not answer questions about domains below it. */
export const SILENT = 'silent.example';
/** Domains below it are aliases of each other. */
export const LOOP = 'loop.example';

export const PASSWORD = 'secret';
/** Honest accounts: one sends pings, one logs in, the others are possible victims. */
export const HONEST = ['pinger', 'visitor', 'alice', 'bob', 'carl'] as const;
/** Accounts of the attacker. */
export const MALLORY = 'mallory';
export const ACCOMPLICES = Array.from({ length: 10 }, (_, i) => `accomplice${i}`);

export const PORTS = {
  c2s: 25_522,
  c2sTls: 25_523,
  s2s: 25_569,
  s2sTls: 25_570,
  component: 25_547,
} as const;

export interface Addresses {
  readonly home: string;
  readonly away: string;
  readonly stranger: string;
  readonly dns: string;
}

/** Addresses in 127/8 that no other attack uses at this time, in this run or another one. */
export function addressesOf(pid: number, scene: number): Addresses {
  const first = (scene % 60) * 4;
  const [home, away, stranger, dns] = [1, 2, 3, 4].map((i) => `127.77.${pid & 0xff}.${first + i}`);
  return { home: home!, away: away!, stranger: stranger!, dns: dns! };
}
