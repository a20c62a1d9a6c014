/** What an address is for, which says its schemes. */
export type AddressKind = "nats" | "postgres" | "proxy" | "http";

/** The port of each scheme where none is said. */
export const schemes: Readonly<Record<AddressKind, Readonly<Record<string, number>>>> = {
  nats: { nats: 4222, tls: 4222 },
  postgres: { postgres: 5432, postgresql: 5432 },
  proxy: { socks5: 1080, socks5h: 1080, socks4: 1080, http: 80 },
  http: { https: 443, http: 80 },
};

/** The interface behind an IPv6 address, as `%eth0`, or as `%25eth0` where it is written in the way of a URL. */
export const zone = /%(?:25)?[\w.-]+\]$/;
