import { lookup, Resolver } from "node:dns/promises";
import { isInternalName } from "./internal-name.ts";

/** All addresses of a host name. Rejects when there is none or nobody knows. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

export interface ResolveHostOptions {
  /** Addresses of name servers instead of the system's. */
  readonly servers?: readonly string[];
}

const TIMEOUT_MS = 2_000;
const TRIES = 2;

/**
 * Asks the DNS directly. The system's own lookup may run twice at once in a process, for as long
 * as a tenant's slow name server likes, and the calls to providers would wait behind it; so only
 * internal names, whose servers are the operator's, are looked up by the system (hosts file, search
 * list).
 */
export function createResolveHost(options: ResolveHostOptions = {}): ResolveHost {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  return async (hostname) => {
    if (isInternalName(hostname)) {
      const found = await lookup(hostname, { all: true });
      return found.map(({ address }) => address);
    }
    const answers = await Promise.allSettled([
      resolver.resolve4(hostname),
      resolver.resolve6(hostname),
    ]);
    const addresses = answers.flatMap((answer) =>
      answer.status === "fulfilled" ? answer.value : [],
    );
    if (addresses.length > 0) return addresses;
    throw answers.find((answer) => answer.status === "rejected")?.reason ?? new Error("no address");
  };
}
