import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { BrokerError } from "../errors/broker-error.ts";
import { within } from "../timing/within.ts";
import { isInternalName, isLocalhost } from "./internal-name.ts";
import { createNetworkList } from "./network-list.ts";
import { isPublicAddress } from "./public-address.ts";
import { createResolveHost, type ResolveHost } from "./resolve-host.ts";

export type EgressProtocol = "http:" | "https:";

/** Decides which addresses of a tenant the broker, or an engine behind it, may call. */
export interface EgressPolicy {
  /**
   * Reads the URL of a webhook, which must be https, or http inside the allowed networks. The query
   * is kept as written. Names are not resolved. Throws `BrokerError` `invalid_request` with `param`
   * (default `url`).
   */
  checkUrl(text: string, param?: string): URL;
  /**
   * Refuses a URL when any address of its host is not allowed. A name that does not resolve passes:
   * it may resolve later, and every connection is checked again.
   */
  checkResolved(url: URL, param?: string): Promise<void>;
  /** Returns true when a connection to this address may be opened. */
  mayConnect(address: string, protocol: EgressProtocol): boolean;
  /**
   * Returns true when the text of a host, a literal address or a name, is internal and not in an
   * allowed network. Names are not resolved.
   */
  isInternalHost(hostname: string): boolean;
}

export interface EgressPolicyOptions {
  /** Internal networks, in CIDR notation, that may be called nevertheless. */
  readonly allowNetworks: readonly string[];
  readonly resolveHost?: ResolveHost;
}

const MAX_URL_LENGTH = 2_048;
/** The time that a registration waits for the DNS. */
const RESOLVE_MS = 3_000;

/** URL parsers drop or change these characters silently, each parser in its own way. */
const UNSAFE_CHARACTERS = /[^!-\u{10ffff}]|[\u007f\\]/u;

/** These names stand for a cloud's metadata service, which has one address. */
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog"]);
const METADATA_ADDRESS = "169.254.169.254";

/** Creates the policy of one process. Throws when a network is not in CIDR notation. */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy {
  const allowed = createNetworkList(options.allowNetworks);
  const resolveHost = options.resolveHost ?? createResolveHost();

  function mayConnect(address: string, protocol: EgressProtocol): boolean {
    // ipaddr.js accepts texts that the system does not write as addresses, and reads some of them
    // differently.
    if (isIP(address) === 0) return false;
    const parsed = ipaddr.parse(address);
    return allowed.contains(parsed) || (protocol === "https:" && isPublicAddress(parsed));
  }

  function isAllowed(...addresses: string[]): boolean {
    return addresses.some((address) => allowed.contains(ipaddr.parse(address)));
  }

  function isInternalHost(hostname: string): boolean {
    const host = bareHost(hostname);
    if (isIP(host) !== 0) return !mayConnect(host, "https:");
    if (isLocalhost(host)) return !isAllowed("127.0.0.1", "::1");
    if (METADATA_NAMES.has(host)) return !isAllowed(METADATA_ADDRESS);
    return allowed.isEmpty && isInternalName(host);
  }

  function checkUrl(text: string, param = "url"): URL {
    const refuse = (what: string) => refused(param, what);
    if (text.length > MAX_URL_LENGTH) throw refuse(`may have ${MAX_URL_LENGTH} characters at most`);
    if (UNSAFE_CHARACTERS.test(text))
      throw refuse("must not hold blanks, control characters or backslashes");
    const url = URL.parse(text);
    if (url === null) throw refuse("must be a URL, such as https://example.com/hook");
    if (!isEgressProtocol(url.protocol)) throw refuse("must be an https URL");
    if (url.username !== "" || url.password !== "")
      throw refuse("must not hold a user name or password");
    url.hash = "";
    // A final dot marks a name as complete. Certificates and many servers do not expect it.
    url.hostname = url.hostname.replace(/\.$/, "");
    if (/(^|\.)(\.|$)/.test(url.hostname)) throw refuse("must name a host");
    if (url.href.length > MAX_URL_LENGTH)
      throw refuse(`may have ${MAX_URL_LENGTH} characters at most`);
    if (isInternalHost(url.hostname)) throw refuse("must not point to an internal address");
    if (url.protocol === "http:" && !mayUseHttp(url.hostname)) throw refuse("must be an https URL");
    return url;
  }

  /**
   * A name passes here. It is resolved, and its addresses are checked, when the connection is
   * opened.
   */
  function mayUseHttp(hostname: string): boolean {
    const host = bareHost(hostname);
    return isIP(host) === 0 ? !allowed.isEmpty : mayConnect(host, "http:");
  }

  async function checkResolved(url: URL, param = "url"): Promise<void> {
    const { protocol } = url;
    const host = bareHost(url.hostname);
    if (!isEgressProtocol(protocol)) throw refused(param, "must be an https URL");
    const addresses = isIP(host) === 0 ? await resolveSoon(host) : [host];
    if (!addresses.every((address) => mayConnect(address, protocol)))
      throw refused(param, "must not point to an internal address");
  }

  /** Returns no addresses when the DNS does not know the name or does not answer in time. */
  async function resolveSoon(host: string): Promise<readonly string[]> {
    let addresses: readonly string[] = [];
    const resolved = resolveHost(host).then((found) => void (addresses = found));
    await within(RESOLVE_MS, resolved).catch(() => false);
    return addresses;
  }

  return { checkUrl, checkResolved, mayConnect, isInternalHost };
}

/** Returns an IPv6 literal without its brackets, and a name without the dots at its end. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.+$/, "");
}

function isEgressProtocol(protocol: string): protocol is EgressProtocol {
  return protocol === "http:" || protocol === "https:";
}

/** The message never says which addresses a name resolves to. */
function refused(param: string, what: string): BrokerError {
  return new BrokerError("invalid_request", `'${param}' ${what}.`, { param });
}
