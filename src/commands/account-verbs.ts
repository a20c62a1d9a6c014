import { loginByDefault, loginMethods, renewalMethods } from "../accounts/login/methods.ts";
import type { AccountStatus } from "./account-status.ts";
import type { AccountProtocol, Fields, Handlers, Reply } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { StoredPeers } from "../ports/conversation/stored-peers.ts";
import type { Account } from "../accounts/account.ts";
import type { Delivered } from "../accounts/runtime.ts";
import { choiceIn, textIn } from "./fields.ts";
import type { Removal } from "./removal-verbs.ts";
import { told } from "./told.ts";
import { createHolderCommands } from "./use-verbs.ts";
import { shownWaits } from "./waits-shown.ts";

/** The verbs that take a running account. */
export type AccountVerbs = Handlers<
  AccountProtocol,
  Exclude<keyof AccountProtocol, "add" | "import" | "proxy" | "password" | "token" | "bot">,
  [account: Account]
>;

export interface AccountCommandOptions {
  readonly hostName: string;
  readonly accounts: AccountStores;
  /** Tells every node that an account is wanted otherwise. */
  tellAdded(): void;
  /** Looks for accounts that belong here, and for those that no longer do. */
  look(): Promise<void>;
  newId(): string;
  /** Milliseconds since 1970. */
  now(): number;
  readonly removal: Removal;
  /** The addresses of people whose conversations are stored. */
  readonly peers: StoredPeers;
}

/** The commands to an account, answered by its holder. */
export function createAccountCommands(options: AccountCommandOptions): AccountVerbs {
  const { accounts, newId } = options;

  const stop: AccountVerbs["stop"] = async (account, { force }) => {
    await accounts.want(account.name, "stop");
    await account.stop(force === true);
    options.tellAdded();
    await options.look();
    return { ok: true, state: account.runtime.state };
  };

  return {
    ...createHolderCommands(options.peers),
    status: async (account) => ({ ok: true, account: await describeAccount(account, options) }),
    async login(account, body) {
      const chosen = choiceIn(body, "method", ["auto", ...loginMethods], "auto");
      const { kind } = account.runtime.snapshot.context;
      const method = chosen === "auto" ? loginByDefault(kind) : chosen;
      const id = body.id === undefined ? newId() : textIn(body, "id");
      const answer = await account.login(id, method, sealToIn(body));
      return { ...delivered(account, "login", answer), login: id };
    },
    async answer(account, body) {
      const kind = choiceIn(body, "kind", ["code", "password"], "code");
      const of = textIn(body, "of");
      if (!account.answer(of, kind, textIn(body, "value"))) throw nobodyWaits(account, kind);
      return { ok: true };
    },
    async renew(account, body) {
      const id = body.id === undefined ? newId() : textIn(body, "id");
      const answer = await account.renew(
        id,
        choiceIn(body, "method", ["auto", ...renewalMethods], "auto"),
        sealToIn(body),
      );
      if (!answer.accepted) throw refused(account.name, "renew", answer.state);
      return { ok: true, renewal: answer.renewal, known: answer.known };
    },
    async renewal(account, body) {
      const id = textIn(body, "id");
      // In this order: a reader that sees the renewal done also sees all of its steps.
      const renewal = await accounts.findRenewal(id);
      const steps = await accounts.renewalSteps(id);
      const { question } = account;
      return { ok: true, renewal, steps, question: question?.of === id ? question : null };
    },
    async pause(account) {
      await accounts.want(account.name, "pause");
      return delivered(account, "pause", await account.pause());
    },
    async resume(account) {
      await accounts.want(account.name, "serve");
      return delivered(account, "resume", await account.resume());
    },
    logout: async (account) => delivered(account, "logout", await account.logout()),
    stop,
    drain: stop,
    remove: options.removal.ofRunning,
    async test(account) {
      const fromMs = options.now();
      const self = await told(account, () =>
        account.use((client) => client.self(), { sends: false }),
      );
      return { ok: true, userId: self.userId, isBot: self.isBot, tookMs: options.now() - fromMs };
    },
  };
}

/** The public key of the one who asks; null for none. */
const sealToIn = (body: Fields<AccountProtocol["renew"]["asked"]>): string | null =>
  body.sealTo === undefined ? null : textIn(body, "sealTo");

/** An account that runs here, for people and scripts. Carries no secret. */
export async function describeAccount(
  account: Account,
  { accounts, hostName }: Pick<AccountCommandOptions, "accounts" | "hostName">,
): Promise<AccountStatus> {
  const { runtime, grant, question, coolingUntilMs } = account;
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
    bound:
      runtime.bound === null
        ? null
        : {
            name: runtime.bound.bound,
            endsAt: new Date(runtime.bound.endsAtMs).toISOString(),
          },
    renewal,
    wanted: record?.wanted ?? null,
    coolingUntil: coolingUntilMs === null ? null : new Date(coolingUntilMs).toISOString(),
    waits: shownWaits(account.waits),
    question,
    device: record?.device.deviceModel ?? null,
    proxy: record?.hasProxy ?? false,
    passwordKept: record?.hasPassword ?? false,
    bot: record?.bot ?? null,
  };
}

function delivered(
  account: Account,
  verb: string,
  { accepted, state }: Delivered,
): Reply<{ readonly state: string }> {
  if (!accepted) throw refused(account.name, verb, state);
  return { ok: true, state };
}

function refused(account: string, verb: string, state: string): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_REFUSED",
    message: `${account} is ${state} and does not take "${verb}" now; nothing was changed.`,
    next: nextAfterRefusal(account, state),
  });
}

/** The command that an account's state waits for. */
function nextAfterRefusal(account: string, state: string): string {
  if (state === "unauthorised.authorising") {
    return `A login is under way and may ask for a code: npx holdfast code ${account}`;
  }
  if (state.startsWith("unauthorised")) return `Log it in with: npx holdfast auth ${account}`;
  if (state.startsWith("quarantined")) return `Bring it back with: npx holdfast recover ${account}`;
  if (state.startsWith("paused")) return `It is paused until: npx holdfast resume ${account}`;
  return `Look at it with: npx holdfast status ${account}`;
}

function nobodyWaits({ name, question }: Account, kind: string): HoldfastError {
  const asked =
    question === null ? "nothing is asked" : `a ${question.kind} is asked for by ${question.of}`;
  return new HoldfastError({
    code: "NOT_ASKED",
    message: `No ${kind} of ${name} is asked for under that id; ${asked}. Nothing was passed on.`,
    next: `Look at it with: npx holdfast status ${name}`,
  });
}
