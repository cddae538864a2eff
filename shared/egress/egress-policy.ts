import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { BrokerError } from "../errors/broker-error.ts";
import { within } from "../timing/within.ts";
import { isInternalName, isLocalhost } from "./internal-name.ts";
import { createNetworkList } from "./network-list.ts";
import { isPublicAddress } from "./public-address.ts";
import { createResolveHost, type ResolveHost } from "./resolve-host.ts";

export type EgressProtocol = "http:" | "https:";

/** Says which addresses a tenant may have the broker, or an engine behind it, call. */
export interface EgressPolicy {
  /**
   * Reads the address of a webhook: https, or http inside the allowed networks. Its query is kept
   * as written. Throws `BrokerError` `invalid_request` with `param` (default `url`). Names are
   * not resolved.
   */
  checkUrl(text: string, param?: string): URL;
  /**
   * Refuses a name of which any address may not be called. One that does not resolve passes: it
   * may do so later, and every connection is checked again.
   */
  checkResolved(url: URL, param?: string): Promise<void>;
  /** Whether a connection to this very address may be opened. */
  mayConnect(address: string, protocol: EgressProtocol): boolean;
  /**
   * Whether a URL's host is internal by its text, a literal or a name, and not in an allowed
   * network. Names are not resolved.
   */
  isInternalHost(hostname: string): boolean;
}

export interface EgressPolicyOptions {
  /** Internal networks, in CIDR notation, that may be called all the same. */
  readonly allowNetworks: readonly string[];
  readonly resolveHost?: ResolveHost;
}

const MAX_URL_LENGTH = 2_048;
/** How long a registration waits for the DNS. */
const RESOLVE_MS = 3_000;

/** URL parsers drop or turn these silently, each in its own way. */
const UNSAFE_CHARACTERS = /[^!-\u{10ffff}]|[\u007f\\]/u;

/** Well-known names, with the address that they stand for. */
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog"]);
const METADATA_ADDRESS = "169.254.169.254";

/** Makes the policy of one process. Throws when a network is not in CIDR notation. */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy {
  const allowed = createNetworkList(options.allowNetworks);
  const resolveHost = options.resolveHost ?? createResolveHost();

  function mayConnect(address: string, protocol: EgressProtocol): boolean {
    // ipaddr.js reads more than addresses as the system writes them, and some of it differently.
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
    // A name's last dot says that it is whole; certificates and many servers do not know it.
    url.hostname = url.hostname.replace(/\.$/, "");
    if (/(^|\.)(\.|$)/.test(url.hostname)) throw refuse("must name a host");
    if (url.href.length > MAX_URL_LENGTH)
      throw refuse(`may have ${MAX_URL_LENGTH} characters at most`);
    if (isInternalHost(url.hostname)) throw refuse("must not point to an internal address");
    if (url.protocol === "http:" && !mayUseHttp(url.hostname)) throw refuse("must be an https URL");
    return url;
  }

  /** A name is looked up, and its addresses checked, when the connection is opened. */
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

  /** None when the DNS does not know the name, or not in time. */
  async function resolveSoon(host: string): Promise<readonly string[]> {
    let addresses: readonly string[] = [];
    const resolved = resolveHost(host).then((found) => void (addresses = found));
    await within(RESOLVE_MS, resolved).catch(() => false);
    return addresses;
  }

  return { checkUrl, checkResolved, mayConnect, isInternalHost };
}

/** An IPv6 literal without its brackets, a name without the dots at its end. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.+$/, "");
}

function isEgressProtocol(protocol: string): protocol is EgressProtocol {
  return protocol === "http:" || protocol === "https:";
}

/** Never says what a name resolves to. */
function refused(param: string, what: string): BrokerError {
  return new BrokerError("invalid_request", `'${param}' ${what}.`, { param });
}
