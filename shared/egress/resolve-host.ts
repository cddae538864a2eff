import { lookup, Resolver } from "node:dns/promises";
import { isInternalName } from "./internal-name.ts";

/** Returns all addresses of a host name. Rejects when there is none or no server knows the name. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

export interface ResolveHostOptions {
  /** The name servers to ask instead of the system's. */
  readonly servers?: readonly string[];
}

const TIMEOUT_MS = 2_000;
const TRIES = 2;

/**
 * Creates a lookup that asks the DNS directly. The system's own lookup runs at most twice at once
 * in a process, and each run lasts as long as a tenant's slow name server takes, so calls to
 * providers would wait behind it. Only internal names, whose servers are the operator's, are looked
 * up by the system (hosts file, search list).
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
