import { errorCodeOf, HoldfastError } from "../errors.ts";
import type { AuditEntry, AuditTrail } from "../ports/callers/audit-trail.ts";
import type { CallerStore } from "../ports/callers/caller-store.ts";
import { includesRole, mayName, type Role, type Speaker } from "../ports/speaker.ts";
import { redacted } from "./redaction.ts";
import { roleNeeded, type VerbOf, verbRoles } from "./verb-roles.ts";

/** A command as it arrives. */
export interface Asked {
  readonly of: VerbOf;
  readonly verb: string;
  /** The account in the subject; null where it names none. */
  readonly account: string | null;
  readonly body: object;
  /** The public key of the one who asks, as the broker says; null: a program within the fleet's own account. */
  readonly key: string | null;
}

/** A command at the door. */
export interface Visit {
  /**
   * Does the work for the one who asks, if they may ask it and once it is recorded; records its outcome. Called by the
   * node that answers, and by no other. Rejects with the refusal or the failure.
   */
  enter<Answer>(work: (speaker: Speaker) => Promise<Answer>): Promise<Answer>;
}

export interface DoorOptions {
  readonly host: string;
  readonly callers: Pick<CallerStore, "find">;
  readonly trail: AuditTrail;
  /** Public keys of the operators: owners of everything. */
  readonly operators: readonly string[];
  /** The right of one whom the broker does not name; null: the fleet's own nodes alone, for `invoke`. */
  readonly unnamedRole: Role | null;
  /** Tells equal texts, and nothing else of them. */
  mark(text: string): string;
  newId(): string;
  /** Milliseconds since 1970. */
  now(): number;
  /** An outcome or a refusal could not be recorded. */
  onFault(error: unknown): void;
}

/** Where every command passes: who speaks, what they may, and the record. */
export interface Door {
  visit(asked: Asked): Visit;
  /** Resolves when every outcome so far is recorded, or could not be. */
  settled(): Promise<void>;
}

const verbMax = 64;

/** A speaker before its right is looked at. */
type Found = { readonly speaker: Speaker } | { readonly refusal: HoldfastError };

export function createDoor(options: DoorOptions): Door {
  const { host, callers, trail, operators, unnamedRole, mark, newId, now, onFault } = options;
  const open = new Set<Promise<void>>();

  async function find({ key, of, verb }: Asked): Promise<Found> {
    if (key === null) {
      if (unnamedRole !== null) return { speaker: { ...unnamed, role: unnamedRole } };
      // A node calls the holder of an account that runs on another host.
      return of === "account" && verb === "invoke"
        ? { speaker: unnamed }
        : { refusal: callerUnnamed() };
    }
    if (operators.includes(key)) {
      return { speaker: { name: "operator", role: "owner", key, accounts: "all" } };
    }
    const caller = await callers.find(key).catch((error: unknown) => {
      throw notLookedUp(error);
    });
    if (caller === null) return { refusal: callerUnknown(key) };
    if (caller.revokedAt !== null) return { refusal: callerRevoked(caller.name) };
    if (caller.expiresAt !== null && Date.parse(caller.expiresAt) <= now()) {
      return { refusal: callerExpired(caller.name, caller.expiresAt) };
    }
    return { speaker: caller };
  }

  /** Writes without making the answer wait. */
  function record(entry: AuditEntry): void {
    const writing: Promise<void> = trail
      .write(entry)
      .catch(onFault)
      .finally(() => open.delete(writing));
    open.add(writing);
  }

  async function enter<Answer>(
    asked: Asked,
    work: (speaker: Speaker) => Promise<Answer>,
  ): Promise<Answer> {
    const { of, verb, account, key } = asked;
    const found = await find(asked);
    const call = newId();
    const by =
      "speaker" in found
        ? { name: found.speaker.name, role: found.speaker.role, key: found.speaker.key }
        : { name: "unknown", role: null, key: key ?? "" };
    const entry = (phase: AuditEntry["phase"]) => ({
      at: new Date(now()).toISOString(),
      call,
      phase,
      by,
      host,
      verb: `${of}.${verb.slice(0, verbMax)}`,
      account: account ?? accountIn(asked.body),
    });
    const params = redacted(of, verb, asked.body, mark);
    const refusal = "speaker" in found ? refusalOf(asked, found.speaker) : found.refusal;
    if (refusal !== null || !("speaker" in found)) {
      record({ ...entry("refused"), params, outcome: refusal?.code ?? "REFUSED" });
      throw refusal;
    }
    await trail.write({ ...entry("asked"), params });
    try {
      const answer = await work(found.speaker);
      record({ ...entry("ended"), outcome: "done" });
      return answer;
    } catch (error) {
      record({ ...entry("ended"), outcome: errorCodeOf(error) });
      throw error;
    }
  }

  return {
    visit: (asked) => ({ enter: (work) => enter(asked, work) }),
    async settled() {
      while (open.size > 0) await Promise.all(open);
    },
  };
}

/** The one who may not be told apart from the fleet's own programs. */
const unnamed: Speaker = { name: "unnamed", role: "send", key: "", accounts: "all" };

const accountIn = (body: object): string | null => {
  const { account } = body as { readonly account?: unknown };
  return typeof account === "string" ? account.slice(0, verbMax) : null;
};

/** Why the speaker may not ask that; null: it may. */
function refusalOf({ of, verb, account, body }: Asked, speaker: Speaker): HoldfastError | null {
  const needed = roleNeeded(of, verb);
  if (needed === null) return unknownVerb(verb, Object.keys(verbRoles[of]));
  if (!includesRole(speaker.role, needed)) return roleMissing(speaker, `${of}.${verb}`, needed);
  const named = account ?? accountIn(body);
  return named === null || mayName(speaker, named) ? null : accountNotYours(speaker, named);
}

/** No command has that name. */
export const unknownVerb = (verb: string, known: readonly string[]): HoldfastError =>
  new HoldfastError({
    code: "COMMAND_UNKNOWN",
    message: `There is no command "${verb.slice(0, verbMax)}"; known are: ${known.join(", ")}.`,
    next: "Send one of them; npx holdfast --help lists the same by their names there.",
  });

const roleMissing = ({ name, role }: Speaker, verb: string, needed: Role) =>
  new HoldfastError({
    code: "ROLE_MISSING",
    message: `${name} has the role "${role}", and ${verb} needs "${needed}"; nothing was done.`,
    next:
      needed === "owner"
        ? "The operator alone has it: use the credentials that run.json names in natsCreds."
        : `Ask the operator for such credentials: npx holdfast caller add <name> --role ${needed} --accounts <names>`,
  });

/** That account is outside the speaker's own. It may not even exist. */
export const accountNotYours = ({ name }: Pick<Speaker, "name">, account: string): HoldfastError =>
  new HoldfastError({
    code: "ACCOUNT_NOT_YOURS",
    message: `${name} may not name the account "${account}"; nothing was done.`,
    next: `Ask the operator for credentials that name it: npx holdfast caller add <name> --role <role> --accounts ${account}`,
  });

const callerUnknown = (key: string) =>
  new HoldfastError({
    code: "CALLER_UNKNOWN",
    message: `The key ${key} is known to NATS and not to this fleet; nothing was done.`,
    next: "The operator makes callers known: npx holdfast caller add <name> --role <role> --accounts <names> --key <key>",
  });

const callerUnnamed = () =>
  new HoldfastError({
    code: "CALLER_UNNAMED",
    message: "NATS does not say who asks, so nothing was done.",
    next: "Log in with a caller's credentials (npx holdfast caller add); where NATS knows one user alone, say what all of its users may, in HOLDFAST_UNNAMED_ROLE on every host.",
  });

const callerRevoked = (name: string) =>
  new HoldfastError({
    code: "CALLER_REVOKED",
    message: `The credentials of ${name} were revoked; nothing was done.`,
    next: `New ones are made by the operator: npx holdfast caller add ${name} --role <role> --accounts <names>`,
  });

const callerExpired = (name: string, at: string) =>
  new HoldfastError({
    code: "CALLER_EXPIRED",
    message: `The credentials of ${name} ended at ${at}; nothing was done.`,
    next: `The operator revokes the name and makes new ones: npx holdfast caller revoke ${name}, then npx holdfast caller add ${name} --role <role> --accounts <names>`,
  });

const notLookedUp = (cause: unknown) =>
  new HoldfastError({
    code: "AUDIT_UNAVAILABLE",
    message:
      "Postgres does not answer, so that who asks could not be looked up; the call was not made.",
    next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it, then try again.",
    policy: "retryable",
    cause,
  });
