import { HoldfastError } from "../errors.ts";
import { type Address, hostAndPort, readAddress } from "../inputs/address.ts";

/**
 * Arguments stand in the process list; a password travels in the child's environment. Throws DATABASE_URL_MALFORMED.
 */
export function withoutPassword(url: string): {
  readonly address: string;
  readonly password: string | null;
} {
  const read = databaseAt(url);
  const { scheme, user, rest } = read;
  const [path = "", query = ""] = rest.split(/\?(.*)/s);
  const password = read.password ?? new URLSearchParams(query).get("password");
  if (password === null) return { address: url, password };
  const kept = query.split("&").filter((one) => one !== "" && !one.startsWith("password="));
  const place = read.host === "" ? "" : hostAndPort(read);
  const login = user === null ? "" : `${encodeURIComponent(user)}@`;
  const asked = kept.length === 0 ? "" : `?${kept.join("&")}`;
  return { address: `${scheme}://${login}${place}${path}${asked}`, password };
}

/** Throws DATABASE_URL_MALFORMED. */
export function databaseAt(url: string): Address {
  const read = readAddress(url, "postgres");
  if ("why" in read) throw noAddress(read.why);
  return read.value;
}

const noAddress = (why: string) =>
  new HoldfastError({
    code: "DATABASE_URL_MALFORMED",
    message: `The database's address ${why}; nothing was done.`,
    next: "Write it like postgres://user:password@host:5432/database.",
  });
