import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";
import { Agent, buildConnector, errors } from "undici";
import { errorCode } from "../errors/error-kind.ts";
import { EgressError } from "./egress-error.ts";
import type { EgressPolicy, EgressProtocol } from "./egress-policy.ts";
import { createResolveHost, type ResolveHost } from "./resolve-host.ts";

export interface GuardedAgentOptions {
  readonly resolveHost?: ResolveHost;
  /** The limit covers name lookup, connection and TLS handshake together. */
  readonly connectMs?: number;
  /** These certificate authorities (PEM) replace the system's. */
  readonly ca?: string;
}

const CONNECT_MS = 10_000;
/** The number of bytes that a socket reads ahead. */
const READ_AHEAD_BYTES = 16 * 1024;

/**
 * Creates an HTTP client that opens connections only where the policy allows, checked at the moment
 * of connecting: a name is resolved, all its addresses are checked, and one of these very addresses
 * is dialled. The client keeps no connections, follows no redirects, and verifies certificates
 * whatever the environment says. Refused or failed connections end their calls with `EgressError`.
 */
export function createGuardedAgent(policy: EgressPolicy, options: GuardedAgentOptions = {}): Agent {
  const resolveHost = options.resolveHost ?? createResolveHost();
  const shared = {
    timeout: options.connectMs ?? CONNECT_MS,
    allowH2: false,
    autoSelectFamily: true,
    highWaterMark: READ_AHEAD_BYTES,
  };
  const connectors = {
    "http:": buildConnector({ ...shared, lookup: guardedLookup(policy, resolveHost, "http:") }),
    "https:": buildConnector({
      ...shared,
      lookup: guardedLookup(policy, resolveHost, "https:"),
      rejectUnauthorized: true,
      // A resumed session would skip the check of the certificate.
      maxCachedSessions: 0,
      ...(options.ca === undefined ? undefined : { ca: options.ca }),
    }),
  };
  const connect: buildConnector.connector = (target, callback) => {
    const protocol: EgressProtocol = target.protocol === "https:" ? "https:" : "http:";
    // Node looks up names only, so the address in a URL has to be checked here.
    if (isIP(target.hostname) !== 0 && !policy.mayConnect(target.hostname, protocol)) {
      queueMicrotask(() => callback(refusedAddress(), null));
      return;
    }
    connectors[protocol](target, (...[error, socket]) => {
      if (error !== null) {
        callback(explainConnectError(error, protocol), null);
        return;
      }
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && !policy.mayConnect(remoteAddress, protocol)) {
        socket.destroy();
        callback(refusedAddress(), null);
        return;
      }
      callback(null, socket);
    });
  };
  // There is no pipelining and no keep-alive: a kept connection would be used again without a
  // check.
  return new Agent({ connect, allowH2: false, pipelining: 0, headersTimeout: 0, bodyTimeout: 0 });
}

/** Gives all addresses of a name, or an error when one of them is refused. */
function guardedLookup(
  policy: EgressPolicy,
  resolveHost: ResolveHost,
  protocol: EgressProtocol,
): LookupFunction {
  async function check(hostname: string) {
    const addresses = await resolveHost(hostname).catch((error: unknown) => {
      throw new EgressError("dns", "the name could not be resolved", error);
    });
    if (!addresses.every((address) => policy.mayConnect(address, protocol))) throw refusedAddress();
    return addresses.map((address) => ({ address, family: isIP(address) }));
  }
  const checked = callbackify(check);
  return (hostname, { all }, callback) => {
    checked(hostname, (error, found) => {
      const [first] = found ?? [];
      if (error !== null) callback(error, "", 0);
      else if (first === undefined)
        callback(new EgressError("dns", "the name has no address"), "", 0);
      else if (all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}

function refusedAddress(): EgressError {
  return new EgressError("refused_address", "the address may not be called");
}

function explainConnectError(error: Error, protocol: EgressProtocol): EgressError {
  if (error instanceof EgressError) return error;
  const code = errorCode(error);
  if (error instanceof errors.ConnectTimeoutError)
    return new EgressError("timeout", "no connection in time", error);
  const dialling =
    error instanceof AggregateError || ("syscall" in error && error.syscall === "connect");
  if (protocol === "http:" || dialling)
    return new EgressError("connect", `no connection: ${code}`, error);
  return new EgressError("tls", `no TLS connection: ${code}`, error);
}
