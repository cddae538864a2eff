/**
 * Top-level names that no public host has: RFC 6761, 6762 (with its appendix G), 8375, the one
 * that ICANN set aside, and what a cluster's search list makes of `service.namespace.svc`.
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

/** Whether a lower-case host name means this machine, wherever it is asked. */
export function isLocalhost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/** Whether a lower-case host name can only mean a host of an internal network. */
export function isInternalName(hostname: string): boolean {
  if (!hostname.includes(".")) return true;
  return INTERNAL_SUFFIXES.some((suffix) => hostname.endsWith(`.${suffix}`));
}
