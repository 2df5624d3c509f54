// The addresses and domains. Separate addresses let both sides use the same ports. The ports are below those that
// systems assign automatically, and differ from those of an XMPP server on the machine.

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
/** The service with temporary rooms. */
export const ROOMS = 'rooms.capulet.example';
/** The service with persistent rooms. */
export const HALLS = 'halls.capulet.example';
