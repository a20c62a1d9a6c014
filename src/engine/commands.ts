import { HoldfastError } from "../errors.ts";
import type { AccountStore, Credentials } from "../ports/account-store.ts";
import type { Account } from "./account.ts";
import type { Delivered } from "./account-runtime.ts";
import type { Host } from "./host.ts";

export type CommandReply = { readonly ok: true } & Readonly<Record<string, unknown>>;

/** Answers the commands of people and scripts. Throws `HoldfastError` for what it refuses. */
export interface Commands {
  status(): Promise<CommandReply>;
  run(account: string, verb: string, body: unknown): Promise<CommandReply>;
}

export interface CommandOptions {
  readonly host: Host<Account>;
  readonly hostName: string;
  readonly accounts: AccountStore;
  newId(): string;
}

type Verb = (account: Account, body: Readonly<Record<string, unknown>>) => Promise<CommandReply>;

export function createCommands(options: CommandOptions): Commands {
  const { host, accounts, hostName } = options;

  const verbs: Readonly<Record<string, Verb>> = {
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
    const renewal = await accounts.openRenewal(account.name);
    return {
      name: account.name,
      kind: runtime.snapshot.context.kind,
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
    await accounts.add({ name, kind: credentials.kind, credentials });
    await host.adopt();
    return { ok: true, account: name };
  }

  return {
    async status() {
      const described = await Promise.all(host.all().map(describe));
      return {
        ok: true,
        host: hostName,
        accounts: described.toSorted((a, b) => a.name.localeCompare(b.name)),
      };
    },
    async run(name, verb, body) {
      const fields = (body ?? {}) as Readonly<Record<string, unknown>>;
      if (verb === "add") return add(name, fields);
      const account = host.find(name);
      if (account === null) throw unknownAccount(name, host);
      const command = verbs[verb];
      if (command === undefined) throw unknownVerb(verb, ["add", ...Object.keys(verbs)]);
      return command(account, fields);
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

function unknownAccount(name: string, host: Host<Account>): HoldfastError {
  const names = host.all().map((account) => account.name);
  return new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}"; known are: ${names.join(", ") || "none yet"}.`,
    next: "See them with: npx holdfast status",
  });
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
