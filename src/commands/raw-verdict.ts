import { includesRole, type Role } from "../ports/speaker.ts";
import type { JsonObject } from "../ports/telegram/telegram.ts";
import { rawMethods } from "./raw-methods.ts";

/** The rights by which methods are listed, the smallest first. */
const tiers = ["read", "send", "owner", "nobody"] as const;
type Tier = (typeof tiers)[number];

const tierOf: ReadonlyMap<string, Tier> = new Map(
  tiers.flatMap((tier) =>
    Object.entries(rawMethods[tier]).flatMap(([space, names]) =>
      names
        .trim()
        .split(/\s+/)
        .map((name): [string, Tier] => [`${space}.${name}`, tier]),
    ),
  ),
);

/** The answer to the question whether a speaker may call a method. */
export interface RawCallVerdict {
  /** The right that the method needs; null where it is refused to all. */
  readonly needs: Role | null;
  readonly allowed: boolean;
  /** True where a paused account may not call it: it changes something, or is seen by others. */
  readonly sends: boolean;
}

/** A call by a method's TL name, of a speaker with that role. */
export interface RawCall {
  readonly method: string;
  readonly role: Role;
  readonly params?: JsonObject;
}

/** Judges a raw call by its method's place in the list, and by parameters that spend. Pure. */
export function rawCallVerdict({ method, role, params = {} }: RawCall): RawCallVerdict {
  const listed = tierOf.get(method) ?? "nobody";
  const needs = listed === "nobody" ? null : spends(params) ? "owner" : listed;
  return {
    needs,
    allowed: needs !== null && includesRole(role, needs),
    sends: listed !== "read" || needs !== "read",
  };
}

/** Stars leave the account by a parameter of methods that are free without it. */
const spends = (params: JsonObject): boolean => {
  const stars = params["allowPaidStars"];
  return stars !== undefined && stars !== null && stars !== 0;
};
