// enjamb and one other server, each with its own authority, which the other one trusts or not.

import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { type DnsFixture, dnsFixture, type ZoneEntry } from '../../support/dns-fixture.ts';
import { AWAY, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { Prosody } from '../support/prosody.ts';
import { EJABBERD, Ejabberd, VERONA } from './ejabberd.ts';

export interface Trust {
  /** We trust the authority of the other server. */
  readonly weTrust: boolean;
  /** The other server trusts ours. */
  readonly theyTrust: boolean;
  /** Whether we require a certificate, and accept no dialback. */
  readonly weDemand?: boolean;
  /** Whether the other server does. */
  readonly theyDemand?: boolean;
  /** The SRV records: for STARTTLS, or only for direct TLS (XEP-0368). */
  readonly by?: 'STARTTLS' | 'direct TLS';
  /** Lines of TOML for the top of enjamb's configuration. */
  readonly config?: readonly string[];
  /** Modules of Prosody besides the usual ones. */
  readonly modules?: readonly string[];
}

export interface Federation<Peer> {
  readonly enjamb: Enjamb;
  readonly peer: Peer;
  readonly dns: DnsFixture;
  /** Of this test, with all logs. */
  readonly folder: string;
  /** The authorities that signed our certificates, and theirs. */
  readonly ourCaPath: string;
  readonly theirCaPath: string;
  /** The folder of the other server's certificates. */
  readonly theirCertificates: string;
}

/** Starts everything, which ends with the test. If the test fails, the folder with all logs stays, and is printed. */
export async function withProsody(t: TestContext, trust: Trust): Promise<Federation<Prosody>> {
  const stage = await prepare(t, { ...trust, domains: [AWAY, ROOMS, HALLS] });
  const peer = await Prosody.start(t, {
    folder: join(stage.folder, 'prosody'),
    certificates: stage.theirs.certificates,
    dns: stage.dns.address,
    secureAuth: trust.theyDemand === true,
    modules: trust.modules ?? [],
    ...(trust.theyTrust ? { caPath: stage.ours.caPath } : {}),
  });
  return federation(peer, stage, await startEnjamb(t, stage, trust));
}

/** As above. ejabberd demands a certificate by having no dialback. */
export async function withEjabberd(t: TestContext, trust: Trust): Promise<Federation<Ejabberd>> {
  // ejabberd asks the name server for SRV records, and the system for addresses.
  const stage = await prepare(t, { ...trust, domains: [VERONA], target: ENJAMB.address });
  const peer = await Ejabberd.start(t, {
    folder: join(stage.folder, 'ejabberd'),
    certificates: stage.theirs.certificates,
    dns: stage.dns.address,
    dialback: trust.theyDemand !== true,
    caPath: trust.theyTrust ? stage.ours.caPath : stage.theirs.caPath,
  });
  return federation(peer, stage, await startEnjamb(t, stage, trust));
}

interface Stage {
  readonly folder: string;
  readonly dns: DnsFixture;
  readonly ours: Authority;
  readonly theirs: Authority;
}

interface Authority {
  readonly certificates: string;
  readonly caPath: string;
}

interface Prepared extends Pick<Trust, 'by'> {
  readonly domains: readonly string[];
  /** Where enjamb's own SRV record points. */
  readonly target?: string;
}

async function prepare(
  t: TestContext,
  { domains, target = 'enjamb.example', by = 'STARTTLS' }: Prepared,
): Promise<Stage> {
  const folder = await temporaryFolder(t);
  const dns = await dnsFixture(t, {
    'enjamb.example': { A: [ENJAMB.address] },
    'prosody.example': { A: [PROSODY.address] },
    'ejabberd.example': { A: [EJABBERD.address] },
    ...service(HOME, ENJAMB, target, by),
    ...service(AWAY, PROSODY, 'prosody.example', by),
    ...service(VERONA, EJABBERD, 'ejabberd.example', by),
  });
  const authority = async (name: string, names: readonly string[]): Promise<Authority> => {
    const certificates = join(folder, name);
    const { caPath } = await makeDevelopmentCertificates(certificates, names);
    return { certificates, caPath };
  };
  return {
    folder,
    dns,
    ours: await authority('our-certs', [HOME]),
    theirs: await authority('their-certs', domains),
  };
}

function federation<Peer>(peer: Peer, stage: Stage, enjamb: Enjamb): Federation<Peer> {
  const { dns, folder, ours, theirs } = stage;
  const authorities = { ourCaPath: ours.caPath, theirCaPath: theirs.caPath };
  return { peer, enjamb, dns, folder, ...authorities, theirCertificates: theirs.certificates };
}

function startEnjamb(t: TestContext, stage: Stage, trust: Trust): Promise<Enjamb> {
  const { weTrust, weDemand = false, config = [] } = trust;
  return Enjamb.start(t, {
    folder: join(stage.folder, 'enjamb'),
    certificates: stage.ours.certificates,
    dns: stage.dns.address,
    config: [`s2s_secure_auth = ${weDemand}`, ...config],
    ...(weTrust ? { caPath: stage.theirs.caPath } : {}),
  });
}

function service(
  domain: string,
  ports: { s2s: number; s2sDirectTls: number },
  target: string,
  by: Trust['by'],
): Record<string, ZoneEntry> {
  const [plain, direct] = [`_xmpp-server._tcp.${domain}`, `_xmpps-server._tcp.${domain}`];
  if (by === 'STARTTLS') return { [plain]: { SRV: [`0 0 ${ports.s2s} ${target}`] } };
  // The target "." means that the service is not available (RFC 2782).
  return { [direct]: { SRV: [`0 0 ${ports.s2sDirectTls} ${target}`] }, [plain]: { SRV: ['0 0 0 .'] } };
}
