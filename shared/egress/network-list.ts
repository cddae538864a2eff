import ipaddr from "ipaddr.js";

export interface NetworkList {
  readonly isEmpty: boolean;
  contains(address: ipaddr.IPv4 | ipaddr.IPv6): boolean;
}

/** Creates a list of networks in CIDR notation. Throws for a text that is not in that notation. */
export function createNetworkList(networks: readonly string[]): NetworkList {
  const parsed = networks.map((network) => ipaddr.parseCIDR(network));
  return {
    isEmpty: parsed.length === 0,
    contains: (address) =>
      parsed.some(([network, bits]) =>
        // An IPv4 network does not contain the IPv6 forms that carry its addresses.
        network.kind() === address.kind() ? address.match(network, bits) : false,
      ),
  };
}
