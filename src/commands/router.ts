import type {
  Body,
  CommandReply,
  FleetProtocol,
  Handlers,
  NodeProtocol,
  Reply,
} from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { Account } from "../accounts/account.ts";
import { createAccountCommands, describeAccount } from "./account-verbs.ts";
import { type AdditionOptions, createAdditions } from "./setup-verbs.ts";
import type { ConversationVerbs } from "./conversation-verbs.ts";
import type { FleetCommands } from "./fleet-verbs.ts";
import type { Host } from "../accounts/host.ts";

/** Answers the commands of people and scripts. Throws `HoldfastError` for a refusal. */
export interface Commands {
  /** To an account that runs here; null: another host still holds it and will answer. */
  run(account: string, verb: string, body: unknown): Promise<CommandReply | null>;
  /** To the fleet: any node answers. */
  fleet(verb: string, body: unknown): Promise<CommandReply>;
  /** To an account that may run elsewhere; null: the host that runs it answers. */
  fallback(account: string, verb: string, body: unknown): Promise<CommandReply | null>;
  /** To every node: each answers for itself. */
  everyone(verb: string, body: unknown): Promise<CommandReply>;
}

export interface CommandOptions extends Pick<AdditionOptions, "makeSession" | "drivers"> {
  readonly host: Host<Account>;
  readonly hostName: string;
  readonly accounts: AccountStores;
  readonly fleet: FleetCommands;
  /** Any node's answers about conversations. */
  readonly conversations: ConversationVerbs;
  /** The public half of the fleet's sealing key. */
  readonly sealKey: string;
  /** True when the account belongs on another host, which serves. */
  belongsElsewhere(account: string): boolean;
  /** Tells every node that accounts were added, or are wanted otherwise. */
  tellAdded(): void;
  newId(): string;
  /** Milliseconds since 1970. */
  now(): number;
  /** Each node's answers for itself. */
  readonly nodeVerbs: Handlers<NodeProtocol>;
}

/** Verbs, looked up by the name that arrives. */
type Named<Of extends readonly unknown[]> = Readonly<
  Record<string, (...told: [...Of, body: Body]) => Promise<CommandReply>>
>;

export function createCommands(options: CommandOptions): Commands {
  const { host, accounts, hostName } = options;
  const verbs: Named<[account: Account]> = createAccountCommands({
    ...options,
    look: () => host.adopt(),
  });
  const additions = createAdditions({ ...options, adopt: () => host.adopt() });
  const newcomers: Named<[account: string]> = additions.newcomers;
  const settings: Named<[account: string]> = additions.settings;
  const sealing: Handlers<FleetProtocol, "sealing"> = {
    sealing: async () => ({ ok: true, key: options.sealKey }),
  };
  const fleetVerbs: Named<[]> = { ...options.fleet.verbs, ...options.conversations, ...sealing };
  const nodeVerbs: Named<[]> = options.nodeVerbs;

  async function status(): Promise<Reply<FleetProtocol["status"]["answered"]>> {
    const here = new Map(
      await Promise.all(
        host.all().map(async (account) => {
          const described = await describeAccount(account, options);
          return [account.name, described] as const;
        }),
      ),
    );
    const all = await options.fleet.all();
    const described = all.map((one) => here.get(one.name) ?? one);
    return {
      ok: true,
      host: hostName,
      accounts: described.toSorted((a, b) => a.name.localeCompare(b.name)),
    };
  }

  async function run(name: string, verb: string, body: unknown): Promise<CommandReply | null> {
    const account = host.find(name);
    // Any node answers those; one does.
    if (newcomers[verb] !== undefined) return null;
    if (account === null) throw await options.fleet.explain(name);
    if (account.runtime.state === "seeking" && (await options.fleet.isHeldElsewhere(name))) {
      return null;
    }
    const setting = settings[verb];
    if (setting !== undefined) return setting(name, fieldsOf(body));
    const command = verbs[verb];
    if (command !== undefined) return command(account, fieldsOf(body));
    throw unknownVerb(
      verb,
      [newcomers, settings, verbs].flatMap((of) => Object.keys(of)),
    );
  }

  return {
    run,
    async fleet(verb, body) {
      if (verb === "status") return status();
      const command = fleetVerbs[verb];
      if (command !== undefined) return command(fieldsOf(body));
      throw unknownVerb(verb, ["status", ...Object.keys(fleetVerbs)]);
    },
    async fallback(name, verb, body) {
      const newcomer = newcomers[verb];
      if (newcomer !== undefined) return newcomer(name, fieldsOf(body));
      if (host.find(name) !== null) return null;
      const record = await accounts.find(name);
      const setting = record === null ? undefined : settings[verb];
      if (record?.wanted === "stop") {
        if (verb === "resume") return additions.start(name);
        return setting?.(name, fieldsOf(body)) ?? options.fleet.ofStopped(record, verb);
      }
      if (record !== null && options.belongsElsewhere(name)) return null;
      if (setting !== undefined) return setting(name, fieldsOf(body));
      throw await options.fleet.explain(name);
    },
    async everyone(verb, body) {
      const command = nodeVerbs[verb];
      if (command !== undefined) return command(fieldsOf(body));
      throw unknownVerb(verb, Object.keys(nodeVerbs));
    },
  };
}

const fieldsOf = (body: unknown): Body => (body ?? {}) as Body;

function unknownVerb(verb: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_UNKNOWN",
    message: `There is no command "${verb}"; known are: ${known.join(", ")}.`,
  });
}
