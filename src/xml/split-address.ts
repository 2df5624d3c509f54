// Splits an address into its parts without preparing them (RFC 7622 §3.1).

export interface AddressParts {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
}

/** The first slash ends the bare address; the first at sign before it ends the localpart. */
export function splitAddress(address: string): AddressParts {
  const slash = address.indexOf('/');
  const bare = slash < 0 ? address : address.slice(0, slash);
  const at = bare.indexOf('@');
  return {
    local: at < 0 ? undefined : bare.slice(0, at),
    domain: bare.slice(at + 1),
    resource: slash < 0 ? undefined : address.slice(slash + 1),
  };
}
