// The states of our one stream to a remote, from the dial to its end.
//
//            dialled             secured               needed                     opened
//   none ─────────────▶ dialling ───────▶ prepared ──────────▶ authenticating ───────────▶ open
//                      needed │ ▲ spared                              ▲
//                             ▼ │             secured                 │
//                           opening ──────────────────────────────────┘

/** `dialling` and `opening`: up to the TLS handshake. Modules may only need a `prepared` stream; the rest is `opening`. */
export type Call<O> =
  | { readonly is: 'none' }
  | {
      readonly is: 'dialling' | 'opening' | 'prepared' | 'authenticating' | 'open';
      readonly outgoing: O;
    };

/** `needed`: to be authenticated. `spared`: another stream carries our stanzas. `over`: the stream closes or has ended. */
export type CallEvent = 'dialled' | 'needed' | 'spared' | 'secured' | 'opened' | 'over';

/** Events that are absent change nothing. Entering `authenticating` authenticates us. */
const STEPS: Readonly<Record<Call<unknown>['is'], Partial<Record<CallEvent, Call<unknown>['is']>>>> = {
  none: { dialled: 'dialling' },
  dialling: { needed: 'opening', secured: 'prepared', opened: 'open', over: 'none' },
  opening: { spared: 'dialling', secured: 'authenticating', opened: 'open', over: 'none' },
  prepared: { needed: 'authenticating', opened: 'open', over: 'none' },
  authenticating: { opened: 'open', over: 'none' },
  open: { over: 'none' },
};

/** Returns the next state. An event of another stream than that of the call changes nothing. */
export function step<O>(call: Call<O>, event: CallEvent, outgoing: O): Call<O> {
  const is = STEPS[call.is][event];
  if (!is || (call.is !== 'none' && call.outgoing !== outgoing)) return call;
  return is === 'none' ? { is } : { is, outgoing };
}
