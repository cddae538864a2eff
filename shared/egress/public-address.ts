import type { IPv4, IPv6 } from "ipaddr.js";

/**
 * Azure's metadata and DNS service. Its number is a public address, but every machine reaches it
 * internally.
 */
const AZURE_WIRE_SERVER = "168.63.129.16";

/**
 * Returns true for the address of a host on the public Internet. IPv6 forms that carry an IPv4
 * address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) never count as public: the network that
 * reads them decides where they lead.
 */
export function isPublicAddress(address: IPv4 | IPv6): boolean {
  if (address.range() !== "unicast") return false;
  if (isIPv6(address)) return isGlobalUnicast(address.parts) && !isIsatap(address.parts);
  return address.toString() !== AZURE_WIRE_SERVER;
}

function isIPv6(address: IPv4 | IPv6): address is IPv6 {
  return address.kind() === "ipv6";
}

/**
 * All addresses that are assigned for the Internet are in `2000::/3`. ipaddr.js calls the rest
 * unicast, too.
 */
function isGlobalUnicast([first = 0]: readonly number[]): boolean {
  return first >> 13 === 1;
}

/** The interface identifiers of RFC 5214 are `…:0:5efe:a.b.c.d` and `…:200:5efe:a.b.c.d`. */
function isIsatap(parts: readonly number[]): boolean {
  return parts[5] === 0x5efe && (parts[4] === 0 || parts[4] === 0x200);
}
