/**
 * Top-level names that no public host has: those of RFC 6761, RFC 6762 (with its appendix G) and
 * RFC 8375, the one that ICANN reserved, and `svc`, since a cluster's search list creates
 * `service.namespace.svc`.
 */
const INTERNAL_SUFFIXES = [
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "svc",
] as const;

/**
 * Returns true when a lower-case host name means this machine, on whichever machine it is resolved.
 */
export function isLocalhost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/** Returns true when a lower-case host name can only mean a host of an internal network. */
export function isInternalName(hostname: string): boolean {
  if (!hostname.includes(".")) return true;
  return INTERNAL_SUFFIXES.some((suffix) => hostname.endsWith(`.${suffix}`));
}
