import { HoldfastError } from "../errors.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { CallerRecord, CallerRole, CallerStore } from "../ports/callers/caller-store.ts";
import type { CampaignStore } from "../ports/callers/campaign-store.ts";
import { mayName, roles } from "../ports/speaker.ts";
import { textIn } from "./fields.ts";
import type { Fields, FleetProtocol, Handlers } from "./protocol.ts";

/** The verbs about callers, and about moves of all accounts to fresh keys. */
export type CallerVerbs = Handlers<
  FleetProtocol,
  "callers" | "caller-add" | "caller-revoke" | "campaign"
>;

export interface CallerVerbOptions {
  readonly callers: CallerStore;
  readonly campaigns: CampaignStore;
  readonly accounts: Pick<AccountStores, "list">;
  newId(): string;
  /** Milliseconds since 1970. */
  now(): number;
}

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** As the record of commands calls those who are no callers. */
const reserved: ReadonlySet<string> = new Set(["operator", "unnamed", "unknown"]);
/** A public user key of NATS. */
const keyPattern = /^U[A-Z2-7]{55}$/;
const dayMs = 86_400_000;
const daysMax = 3_650;
const becauseMax = 60;
const callerRoles: readonly CallerRole[] = roles.filter((role) => role !== "owner");

/** Any node's answers about those who may speak to the fleet. */
export function createCallerCommands(options: CallerVerbOptions): CallerVerbs {
  const { callers, campaigns, accounts, newId, now } = options;

  async function accountsIn(value: unknown): Promise<"all" | readonly string[]> {
    if (value === "all") return "all";
    const names = Array.isArray(value) ? value.map(String) : [];
    if (names.length === 0) throw accountsMissing();
    const known = new Set((await accounts.list()).map(({ name }) => name));
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw accountUnknown(unknown, [...known]);
    return [...new Set(names)];
  }

  return {
    callers: async () => ({ ok: true, callers: await callers.list() }),
    async "caller-add"(body) {
      const name = textIn(body, "name");
      if (!namePattern.test(name) || reserved.has(name)) throw nameMalformed();
      const key = textIn(body, "key");
      if (!keyPattern.test(key)) throw keyMalformed();
      const role = roleIn(body.role);
      const caller = { name, key, role, accounts: await accountsIn(body.accounts) };
      const expiresAt = endOf(body, now());
      if ((await callers.add({ ...caller, expiresAt })) === "taken") throw taken(name);
      return { ok: true, caller: (await callers.find(key))! };
    },
    async "caller-revoke"(body) {
      const name = textIn(body, "name");
      const caller = await callers.revoke(name);
      if (caller === null) throw nameUnknown(name, await callers.list());
      return { ok: true, caller };
    },
    async campaign(body, speaker) {
      if (typeof body.ended === "string") {
        const all = await campaigns.accounts(body.ended);
        const isOver = all.every(({ state }) => state !== "due" && state !== "stopped");
        if (isOver) await campaigns.end(body.ended);
        return { ok: true, id: body.ended, known: true, accounts: [] };
      }
      const because = textIn(body, "because");
      if (because.length > becauseMax) throw becauseTooLong();
      const { id, known } = await campaigns.open(newId(), because);
      const all = await campaigns.accounts(id);
      return {
        ok: true,
        id,
        known,
        accounts: all.filter(({ account }) => mayName(speaker, account)),
      };
    },
  };
}

function roleIn(value: unknown): CallerRole {
  const role = callerRoles.find((one) => one === value);
  if (role !== undefined) return role;
  throw new HoldfastError({
    code: "ROLE_UNKNOWN",
    message: `There is no role ${JSON.stringify(value) ?? "without a name"} for a caller; known are: ${callerRoles.join(", ")}. Nothing was changed.`,
    next: `Give one of them as "role"; docs/operating.md says what each may do.`,
  });
}

function endOf(body: Fields<FleetProtocol["caller-add"]["asked"]>, nowMs: number): string | null {
  const { days } = body;
  if (days === undefined || days === null) return null;
  if (typeof days === "number" && Number.isInteger(days) && days >= 1 && days <= daysMax) {
    return new Date(nowMs + days * dayMs).toISOString();
  }
  throw new HoldfastError({
    code: "DAYS_MALFORMED",
    message: `Credentials hold for 1 to ${daysMax} whole days; nothing was changed.`,
    next: `Give "days" as a whole number from 1 to ${daysMax}, or leave it out.`,
  });
}

const nameMalformed = () =>
  new HoldfastError({
    code: "CALLER_NAME_MALFORMED",
    message: "That is no name for a caller; nothing was changed.",
    next: "Give lower-case letters, digits, hyphens and underscores, at most 63, a letter or digit first; operator, unnamed and unknown are taken.",
  });

const keyMalformed = () =>
  new HoldfastError({
    code: "CALLER_KEY_MALFORMED",
    message: "That is no public key of a NATS user; nothing was changed.",
    next: "It has 56 characters and begins with U; a seed, which begins with S, is a secret and belongs nowhere but in a file.",
  });

const accountsMissing = () =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: "Which accounts the caller may name was not said; nothing was changed.",
    next: 'Give "all", or a list of names.',
  });

const accountUnknown = (name: string, known: readonly string[]) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name.slice(0, 64)}"; known are: ${known.join(", ") || "none yet"}. Nothing was changed.`,
    next: "See them with: npx holdfast status",
  });

const taken = (name: string) =>
  new HoldfastError({
    code: "CALLER_EXISTS",
    message: `There is a caller "${name}" already, or one with that key; nothing was changed.`,
    next: `See them with: npx holdfast caller list; to replace it: npx holdfast caller revoke ${name}`,
  });

const nameUnknown = (name: string, all: readonly CallerRecord[]) =>
  new HoldfastError({
    code: "CALLER_NOT_FOUND",
    message: `No caller "${name.slice(0, 64)}" has credentials; ${
      all
        .filter(({ revokedAt }) => revokedAt === null)
        .map((one) => one.name)
        .join(", ") || "none"
    } have. Nothing was changed.`,
    next: "See them with: npx holdfast caller list",
  });

const becauseTooLong = () =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The reason has more than ${becauseMax} characters; nothing was begun.`,
    next: `Give a reason of at most ${becauseMax} characters.`,
  });
