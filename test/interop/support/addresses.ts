// Who lives where. Addresses of their own let both sides use the same ports; the ports are below those that systems
// give out by themselves, and not those of an XMPP server that may run on the machine.

export const ENJAMB = {
  address: '127.0.0.2',
  c2s: 15_222,
  c2sDirectTls: 15_223,
  s2s: 15_269,
  s2sDirectTls: 15_270,
  component: 15_347,
};
export const PROSODY = { address: '127.0.0.3', c2s: 15_222, s2s: 15_269, s2sDirectTls: 15_270 };
/** Proxies listen here, on any port. */
export const BETWEEN = '127.0.0.4';

/** The users of enjamb. */
export const HOME = 'montague.example';
/** The users of Prosody. */
export const AWAY = 'capulet.example';
/** Rooms that are gone when nobody is in them. */
export const ROOMS = 'rooms.capulet.example';
/** Rooms that stay. */
export const HALLS = 'halls.capulet.example';
