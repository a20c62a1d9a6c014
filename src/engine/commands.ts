import { HoldfastError } from "../errors.ts";
import type { AccountStore, Credentials } from "../ports/account-store.ts";
import type { Account } from "./account.ts";
import { driverNamed, type FleetCommands } from "./fleet-commands.ts";
import { holderCommands } from "./holder-commands.ts";
import type { Delivered } from "./account-runtime.ts";
import type { Host } from "./host.ts";

export type CommandReply = { readonly ok: true } & Readonly<Record<string, unknown>>;

/** Answers the commands of people and scripts. Throws `HoldfastError` for what it refuses. */
export interface Commands {
  /** To an account that runs here; null while another host still holds it, whose answer it is. */
  run(account: string, verb: string, body: unknown): Promise<CommandReply | null>;
  /** To the fleet: whatever node it reaches. */
  fleet(verb: string, body: unknown): Promise<CommandReply>;
  /** To an account that may run elsewhere; null when whoever runs it answers. */
  fallback(account: string, verb: string, body: unknown): Promise<CommandReply | null>;
}

export interface CommandOptions {
  readonly host: Host<Account>;
  readonly hostName: string;
  readonly accounts: AccountStore;
  readonly fleet: FleetCommands;
  /** True when the account belongs on another host, which serves. */
  belongsElsewhere(account: string): boolean;
  /** Tells every node that accounts were added. */
  tellAdded(): void;
  newId(): string;
}

type Verb = (account: Account, body: Readonly<Record<string, unknown>>) => Promise<CommandReply>;

export function createCommands(options: CommandOptions): Commands {
  const { host, accounts, hostName } = options;

  const verbs: Readonly<Record<string, Verb>> = {
    ...holderCommands,
    status: async (account) => ({ ok: true, account: await describe(account) }),
    login: async (account) => delivered(account, "login", await account.login()),
    code: async (account, { code }) => {
      if (!account.supplyCode(text(code, "code"))) throw nobodyWaits(account.name);
      return { ok: true };
    },
    renew: async (account, { id }) => {
      const answer = await account.renew(id === undefined ? options.newId() : text(id, "id"));
      if (!answer.accepted) throw refused(account.name, "renew", answer.state);
      return { ok: true, renewal: answer.renewal, known: answer.known };
    },
    pause: async (account) => delivered(account, "pause", await account.pause()),
    resume: async (account) => delivered(account, "resume", await account.resume()),
    stop: async (account) => {
      await account.stop();
      return { ok: true, state: account.runtime.state };
    },
  };

  async function describe(account: Account) {
    const { runtime, grant } = account;
    const [renewal, record] = await Promise.all([
      accounts.openRenewal(account.name),
      accounts.find(account.name),
    ]);
    return {
      name: account.name,
      kind: runtime.snapshot.context.kind,
      driver: record?.driver ?? null,
      state: runtime.state,
      slot: runtime.snapshot.context.slot,
      epoch: grant?.epoch ?? null,
      host: hostName,
      reason: runtime.snapshot.context.reason,
      renewal,
    };
  }

  async function add(name: string, body: Readonly<Record<string, unknown>>): Promise<CommandReply> {
    const credentials = credentialsIn(body);
    const chosen = body["driver"] === undefined ? {} : { driver: driverNamed(body["driver"]) };
    await accounts.add({ name, kind: credentials.kind, credentials, ...chosen });
    options.tellAdded();
    await host.adopt();
    return { ok: true, account: name };
  }

  async function status(): Promise<CommandReply> {
    const here = new Map(
      await Promise.all(
        host.all().map(async (account) => [account.name, await describe(account)] as const),
      ),
    );
    const all = await options.fleet.all();
    const described = all.map((one) => here.get(String(one["name"])) ?? one);
    return {
      ok: true,
      host: hostName,
      accounts: described.toSorted((a, b) => String(a["name"]).localeCompare(String(b["name"]))),
    };
  }

  async function run(name: string, verb: string, body: unknown): Promise<CommandReply | null> {
    const fields = (body ?? {}) as Readonly<Record<string, unknown>>;
    const account = host.find(name);
    if (account === null) throw await options.fleet.explain(name);
    if (account.runtime.state === "seeking" && (await options.fleet.isHeldElsewhere(name))) {
      return null;
    }
    const command = verbs[verb];
    if (command === undefined) throw unknownVerb(verb, ["add", ...Object.keys(verbs)]);
    return command(account, fields);
  }

  return {
    run,
    async fleet(verb, body) {
      if (verb === "status") return status();
      if (verb === "who") return options.fleet.who(body);
      if (verb === "force") return options.fleet.force(body);
      if (verb === "driver") return options.fleet.driver(body);
      throw unknownVerb(verb, ["status", "who", "force", "driver"]);
    },
    async fallback(name, verb, body) {
      const fields = (body ?? {}) as Readonly<Record<string, unknown>>;
      if (verb === "add") return add(name, fields);
      if (host.find(name) !== null) return null;
      const why = await options.fleet.explain(name);
      if (why.code !== "ACCOUNT_UNKNOWN" && options.belongsElsewhere(name)) return null;
      throw why;
    },
  };
}

function delivered(account: Account, verb: string, { accepted, state }: Delivered): CommandReply {
  if (!accepted) throw refused(account.name, verb, state);
  return { ok: true, state };
}

function text(value: unknown, field: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The command needs "${field}" as a text.`,
    next: `Send JSON such as {"${field}": "…"}.`,
  });
}

function credentialsIn(body: Readonly<Record<string, unknown>>): Credentials {
  if (typeof body["botToken"] === "string") return { kind: "bot", token: body["botToken"] };
  return { kind: "user", phone: text(body["phone"], "phone") };
}

function unknownVerb(verb: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_UNKNOWN",
    message: `There is no command "${verb}"; known are: ${known.join(", ")}.`,
  });
}

function refused(account: string, verb: string, state: string): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_REFUSED",
    message: `${account} is ${state} and does not take "${verb}" now; nothing was changed.`,
    next: `Look at it with: npx holdfast status ${account}`,
  });
}

function nobodyWaits(account: string): HoldfastError {
  return new HoldfastError({
    code: "NO_CODE_AWAITED",
    message: `Nothing waits for a login code of ${account}.`,
    next: `Look at it with: npx holdfast status ${account}`,
  });
}
