import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** An address of a machine, as it was resolved. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Networks that are not of the public internet (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const reservedNetworks: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // IPv6 has one public network; these parts of it stand for others.
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const reserved = new BlockList();
for (const [network, prefix] of reservedNetworks) {
  reserved.addSubnet(network, prefix, network.includes(":") ? "ipv6" : "ipv4");
}
const public6 = new BlockList();
public6.addSubnet("2000::", 3, "ipv6");

/** False for loopback, private, link-local and every other address that is not of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !reserved.check(address, "ipv4");
  return family === 6 && public6.check(address, "ipv6") && !reserved.check(address, "ipv6");
}

/** The first address of a name or of an address literal, brackets included. Rejects when there is none. */
export async function resolveHost(host: string): Promise<readonly ResolvedAddress[]> {
  const found = await lookup(host.replace(/^\[|\]$/g, ""), { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
