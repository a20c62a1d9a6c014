import type {
  Body,
  CommandReply,
  FleetProtocol,
  Handlers,
  NodeProtocol,
  Reply,
} from "./protocol.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { Account } from "../accounts/account.ts";
import { createAccountCommands, describeAccount } from "./account-verbs.ts";
import { type AdditionOptions, createAdditions } from "./setup-verbs.ts";
import type { CallerVerbs } from "./caller-verbs.ts";
import type { ConversationVerbs } from "./conversation-verbs.ts";
import { unknownVerb, type Visit } from "./door.ts";
import type { ReplyVerbs } from "./reply-verbs.ts";
import type { FleetCommands } from "./fleet-verbs.ts";
import type { Host } from "../accounts/host.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";

/** Answers the commands of people and scripts. Throws `HoldfastError` for a refusal. */
export interface Commands {
  /** To an account that runs here; null: another host still holds it and will answer. */
  run(account: string, verb: string, body: Body, visit: Visit): Promise<CommandReply | null>;
  /** To the fleet: any node answers. */
  fleet(verb: string, body: Body, visit: Visit): Promise<CommandReply>;
  /** To an account that may run elsewhere; null: the host that runs it answers. */
  fallback(account: string, verb: string, body: Body, visit: Visit): Promise<CommandReply | null>;
  /** To every node: each answers for itself. */
  everyone(verb: string, body: Body, visit: Visit): Promise<CommandReply>;
  /** Where each account is, for this node's own pages. */
  status(): Promise<Reply<FleetProtocol["status"]["answered"]>>;
}

export interface CommandOptions extends Pick<AdditionOptions, "makeSession" | "drivers"> {
  readonly host: Host<Account>;
  readonly hostName: string;
  readonly accounts: AccountStores;
  readonly fleet: FleetCommands;
  /** Any node's answers about conversations. */
  readonly conversations: ConversationVerbs;
  /** About replies that were given up. */
  readonly replies: ReplyVerbs;
  readonly callers: CallerVerbs;
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
  Record<string, (...told: [...Of, body: Body, speaker: Speaker]) => Promise<CommandReply>>
>;

/** A verb by its own name: never what every object inherits. */
const own = <Verb>(verbs: Readonly<Record<string, Verb>>, name: string): Verb | undefined =>
  Object.hasOwn(verbs, name) ? verbs[name] : undefined;

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
  const fleetVerbs: Named<[]> = {
    ...options.fleet.verbs,
    ...options.conversations,
    ...options.replies,
    ...options.callers,
    ...sealing,
    status: async (_body, speaker) => {
      const { accounts: all, ...rest } = await status();
      return { ...rest, accounts: all.filter(({ name }) => mayName(speaker, name)) };
    },
  };
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

  async function run(
    name: string,
    verb: string,
    body: Body,
    visit: Visit,
  ): Promise<CommandReply | null> {
    const account = host.find(name);
    // Any node answers those; one does.
    if (own(newcomers, verb) !== undefined) return null;
    if (account === null) return visit.enter(() => explained(name));
    if (account.runtime.state === "seeking" && (await options.fleet.isHeldElsewhere(name))) {
      return null;
    }
    return visit.enter(async (speaker) => {
      const setting = own(settings, verb);
      if (setting !== undefined) return setting(name, body, speaker);
      const command = own(verbs, verb);
      if (command !== undefined) return command(account, body, speaker);
      throw unknownVerb(verb, Object.keys({ ...newcomers, ...settings, ...verbs }));
    });
  }

  async function explained(name: string): Promise<never> {
    throw await options.fleet.explain(name);
  }

  function ask(of: Named<[]>, verb: string, body: Body, visit: Visit): Promise<CommandReply> {
    return visit.enter(async (speaker) => {
      const command = own(of, verb);
      if (command !== undefined) return command(body, speaker);
      throw unknownVerb(verb, Object.keys(of));
    });
  }

  return {
    run,
    status,
    fleet: (verb, body, visit) => ask(fleetVerbs, verb, body, visit),
    async fallback(name, verb, body, visit) {
      const newcomer = own(newcomers, verb);
      if (newcomer !== undefined) return visit.enter((speaker) => newcomer(name, body, speaker));
      if (host.find(name) !== null) return null;
      const record = await accounts.find(name);
      const setting = record === null ? undefined : own(settings, verb);
      if (record?.wanted === "stop") {
        return visit.enter(async (speaker) => {
          if (verb === "resume") return additions.start(name);
          return setting?.(name, body, speaker) ?? options.fleet.ofStopped(record, verb);
        });
      }
      if (record !== null && options.belongsElsewhere(name)) return null;
      if (setting !== undefined) return visit.enter((speaker) => setting(name, body, speaker));
      return visit.enter(() => explained(name));
    },
    everyone: (verb, body, visit) => ask(nodeVerbs, verb, body, visit),
  };
}
