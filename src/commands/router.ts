import type { Body, CommandReply, FleetProtocol, Handlers, Reply } from "./protocol.ts";
import type { NodeProtocol } from "./node-protocol.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { StoredPeers } from "../ports/conversation/stored-peers.ts";
import type { Account } from "../accounts/account.ts";
import { createAccountCommands, describeAccount } from "./account-verbs.ts";
import { type AdditionOptions, createAdditions } from "./setup-verbs.ts";
import type { CallerVerbs } from "./caller-verbs.ts";
import type { ConversationVerbs } from "./conversation-verbs.ts";
import { checkedBody } from "./checked-body.ts";
import { unknownVerb, type Visit } from "./door.ts";
import type { HealthVerbs } from "./health-verbs.ts";
import type { ForgetVerbs } from "./forget-verbs.ts";
import { createRemoval } from "./removal-verbs.ts";
import type { ReplyVerbs } from "./reply-verbs.ts";
import type { RetentionVerbs } from "./retention-verbs.ts";
import type { FleetCommands } from "./fleet-verbs.ts";
import type { Host } from "../accounts/host.ts";
import { accountNameMalformed, accountNamePattern } from "../ports/accounts/account-name.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { statusPage } from "./status-page.ts";
import type { VerbOf } from "./verb-roles.ts";

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

export interface CommandOptions
  extends Pick<AdditionOptions, "makeSession" | "drivers" | "checkBot"> {
  readonly host: Host<Account>;
  readonly hostName: string;
  readonly accounts: AccountStores;
  /** The addresses of people whose conversations are stored. */
  readonly peers: StoredPeers;
  readonly fleet: FleetCommands;
  /** Any node's answers about conversations. */
  readonly conversations: ConversationVerbs;
  /** About replies that were given up. */
  readonly replies: ReplyVerbs;
  /** About a person who is to be forgotten. */
  readonly forget: ForgetVerbs;
  /** About rows that are too old. */
  readonly retention: RetentionVerbs;
  readonly callers: CallerVerbs;
  readonly health: HealthVerbs;
  /** The public half of the fleet's sealing key. */
  readonly sealKey: string;
  /** True when the account belongs on another host, which serves. */
  belongsElsewhere(account: string): boolean;
  /** Tells every node that accounts were added, or are wanted otherwise. */
  tellAdded(): void;
  newId(): string;
  /** Milliseconds since 1970. */
  now(): number;
  readonly clock: Pick<Clock, "schedule">;
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

/** Lets a command in, and its fields by their schema, before its verb sees them. */
const enter = (
  { of, verb, body, visit }: { of: VerbOf; verb: string; body: Body; visit: Visit },
  work: (body: Body, speaker: Speaker) => Promise<CommandReply>,
): Promise<CommandReply> =>
  visit.enter(async (speaker) => work(checkedBody(of, verb, body), speaker));

export function createCommands(options: CommandOptions): Commands {
  const { host, accounts, hostName } = options;
  const removal = createRemoval({ ...options, look: () => host.adopt() });
  const verbs: Named<[account: Account]> = createAccountCommands({
    ...options,
    removal,
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
    ...options.retention,
    ...options.forget,
    ...options.callers,
    ...options.health,
    ...sealing,
    status: async ({ after }, speaker) => {
      const { accounts: all, ...rest } = await status();
      const known = all.filter(({ name }) => mayName(speaker, name));
      return { ...rest, ...statusPage(known, typeof after === "string" ? after : undefined) };
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
      more: null,
    };
  }

  async function run(
    name: string,
    verb: string,
    body: Body,
    visit: Visit,
  ): Promise<CommandReply | null> {
    const asked = { of: "account", verb, body, visit } as const;
    const account = host.find(name);
    // Any node answers those; one does.
    if (own(newcomers, verb) !== undefined) return null;
    if (account === null) return visit.enter(() => explained(name));
    if (account.runtime.state === "seeking" && (await options.fleet.isHeldElsewhere(name))) {
      return null;
    }
    return enter(asked, async (fields, speaker) => {
      const setting = own(settings, verb);
      if (setting !== undefined) return setting(name, fields, speaker);
      const command = own(verbs, verb);
      if (command !== undefined) return command(account, fields, speaker);
      throw unknownVerb(verb, Object.keys({ ...newcomers, ...settings, ...verbs }));
    });
  }

  async function explained(name: string): Promise<never> {
    throw await options.fleet.explain(name);
  }

  const ask = (
    known: Named<[]>,
    asked: { of: VerbOf; verb: string; body: Body; visit: Visit },
  ): Promise<CommandReply> =>
    enter(asked, async (fields, speaker) => {
      const command = own(known, asked.verb);
      if (command !== undefined) return command(fields, speaker);
      throw unknownVerb(asked.verb, Object.keys(known));
    });

  return {
    run,
    status,
    fleet: (verb, body, visit) => ask(fleetVerbs, { of: "fleet", verb, body, visit }),
    async fallback(name, verb, body, visit) {
      const asked = { of: "account", verb, body, visit } as const;
      if (!accountNamePattern.test(name)) {
        return visit.enter(() => Promise.reject(accountNameMalformed(name)));
      }
      const newcomer = own(newcomers, verb);
      if (newcomer !== undefined) {
        return enter(asked, (fields, speaker) => newcomer(name, fields, speaker));
      }
      if (host.find(name) !== null) return null;
      const record = await accounts.find(name);
      const setting = record === null ? undefined : own(settings, verb);
      if (record?.wanted === "stop") {
        return enter(asked, async (fields, speaker) => {
          if (verb === "resume") return additions.start(name);
          if (verb === "remove") return removal.ofAbsent(record, fields);
          return setting?.(name, fields, speaker) ?? options.fleet.ofStopped(record, verb);
        });
      }
      if (record !== null && options.belongsElsewhere(name)) return null;
      if (setting !== undefined) {
        return enter(asked, (fields, speaker) => setting(name, fields, speaker));
      }
      return visit.enter(() => explained(name));
    },
    everyone: (verb, body, visit) => ask(nodeVerbs, { of: "nodes", verb, body, visit }),
  };
}
