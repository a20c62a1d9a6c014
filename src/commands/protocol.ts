import type { SessionStatus } from "../../machines/conversation-rules.ts";
import type { Forced } from "../custody/force.ts";
import type { RenewalRecord, RenewalStep } from "../ports/accounts/renewal-store.ts";
import type * as Records from "../ports/conversation/conversation-records.ts";
import type { CallerRecord } from "../ports/callers/caller-store.ts";
import type { CampaignAccount } from "../ports/callers/campaign-store.ts";
import type { Speaker } from "../ports/speaker.ts";
import type { StoredHealth } from "../ports/fleet-health.ts";
import type { AccountsHealth } from "./account-health.ts";
import type { AccountsPage, AccountStatus } from "./account-status.ts";
import type { HostSummary } from "./host-summary.ts";
import type { PersonRows } from "../ports/conversation/person-erasure.ts";
import type { ParkedItem } from "../ports/conversation/parked-store.ts";
import type { Removed } from "../ports/retention.ts";
import type { EscalationSummary } from "../ports/conversation/escalation-store.ts";
import type { UndeliveredReply } from "../ports/conversation/undelivered-replies.ts";
import type { Question } from "../ports/accounts/question.ts";
import type { AccountUpdate, DriverName, JsonValue } from "../ports/telegram/telegram.ts";

/** A request's fields as they reach a verb: its schema in `bodies.ts` has looked at them. */
export type Fields<Asked> = { readonly [Field in keyof Asked]?: unknown };

/** An answer as it goes out; a refusal is a `HoldfastError`. */
export type Reply<Answered> = { readonly ok: true } & Answered;

/** A request of a verb that is not known yet. */
export type Body = Readonly<Record<string, unknown>>;
/** An answer of a verb that is not known any more. */
export type CommandReply = Reply<Body>;

/** A verb: the fields of its question and of its answer. */
interface Verb {
  readonly asked: Body;
  readonly answered: object;
}

/**
 * The verbs of a protocol, or some of them. `Of`: the further arguments of each, beside its body and the one who asks.
 */
export type Handlers<
  Protocol extends Readonly<Record<keyof Protocol, Verb>>,
  Name extends keyof Protocol = keyof Protocol,
  Of extends readonly unknown[] = [],
> = {
  readonly [One in Name]: (
    ...told: [...Of, body: Fields<Protocol[One]["asked"]>, speaker: Speaker]
  ) => Promise<Reply<Protocol[One]["answered"]>>;
};

export type Nothing = Readonly<Record<string, never>>;
type State = { readonly state: string };

/** The holder of a session. */
export interface Holder {
  readonly account: string;
  readonly slot: number;
  readonly keyId: string | null;
  readonly state: string;
  readonly epoch: number;
  /** null: no host holds it. */
  readonly host: string | null;
  readonly incarnation: string | null;
  /** The gate's process; null where none is known. */
  readonly process: number | null;
  /** ISO 8601: since then the token is as it is. */
  readonly since: string;
  /** How to use the account all the same. */
  readonly next: string;
}

/** How an account connects. */
type Choices = {
  readonly driver?: string;
  /** The name that Telegram shows in its list of devices. */
  readonly device?: string;
  /** `socks5://…`, `socks4://…` or `http://…` */
  readonly proxy?: string;
};

/** `holdfast.account.<name>.<verb>`: questions to one account. */
export interface AccountProtocol {
  readonly status: { asked: Nothing; answered: { readonly account: AccountStatus } };
  /**
   * `id`: names the login in questions and answers. `sealTo`: the public curve key of the one who asks; `qr` needs it,
   * as the address in its question is sealed to that key.
   */
  readonly login: {
    asked: { readonly method?: string; readonly id?: string; readonly sealTo?: string };
    answered: State & { readonly login: string };
  };
  /** `of`: the login or renewal that asks; `kind`: `code` or `password`. */
  readonly answer: {
    asked: { readonly of: string; readonly kind?: string; readonly value: string };
    answered: object;
  };
  /**
   * The same `id` twice is one renewal. `known`: it was begun before, by this request or by another. `sealTo`: as for
   * `login`.
   */
  readonly renew: {
    asked: { readonly method?: string; readonly id?: string; readonly sealTo?: string };
    answered: { readonly renewal: string; readonly known: boolean };
  };
  readonly renewal: {
    asked: { readonly id: string };
    answered: {
      readonly renewal: RenewalRecord | null;
      readonly steps: readonly { readonly step: RenewalStep; readonly atMs: number }[];
      readonly question: Question | null;
    };
  };
  readonly pause: { asked: Nothing; answered: State };
  /** `account`: only of one that a person had stopped. */
  readonly resume: { asked: Nothing; answered: State & { readonly account?: string } };
  readonly logout: { asked: Nothing; answered: State };
  readonly stop: { asked: { readonly force?: boolean }; answered: State };
  readonly drain: { asked: { readonly force?: boolean }; answered: State };
  readonly test: {
    asked: Nothing;
    answered: { readonly userId: string; readonly isBot: boolean; readonly tookMs: number };
  };
  /** A method of Telegram's; `params`: its fields, refused where they are no object. */
  readonly invoke: {
    asked: { readonly method: string; readonly params?: JsonValue | null };
    answered: { readonly result: JsonValue };
  };
  /** The same `key` twice is one message. */
  readonly send: {
    asked: { readonly peer: string; readonly text: string; readonly key: string };
    answered: { readonly messageId: number | null; readonly repeated: boolean };
  };
  /**
   * The newest first. `before`: those that are older than that message. `more`: the next page's `before`; null: this
   * page is empty.
   */
  readonly history: {
    asked: { readonly peer: string; readonly limit?: number; readonly before?: number };
    answered: {
      readonly messages: readonly Extract<AccountUpdate, { kind: "message" }>[];
      readonly more: number | null;
    };
  };
  /** A bot by its token, or a user by a phone number. */
  readonly add: {
    asked: Choices & { readonly botToken?: string; readonly phone?: string };
    answered: { readonly account: string };
  };
  /** `key`: base64. `stopped`: the program that used the session is. */
  readonly import: {
    asked: Choices & {
      readonly dcId: number;
      readonly key: string;
      readonly stopped?: boolean;
      readonly keep?: boolean;
    };
    answered: { readonly account: string };
  };
  readonly proxy: {
    asked: { readonly proxy: string | null };
    answered: { readonly account: string };
  };
  readonly password: {
    asked: { readonly password: string | null };
    answered: { readonly account: string };
  };
  /** The bot that answers: an absolute path that every host has, `host` for the host's own, or `none`. */
  readonly bot: {
    asked: { readonly bot: string };
    answered: { readonly account: string; readonly bot: string };
  };
  /** The token that a bot logs in with from now on: another one of the same bot. */
  readonly token: {
    asked: { readonly botToken: string };
    answered: { readonly account: string };
  };
  /**
   * Logs the account's keys out, unless `keepKeys`, and deletes it with its settings and conversations. `confirm`:
   * its name.
   */
  readonly remove: {
    asked: { readonly confirm: string; readonly keepKeys?: boolean };
    answered: { readonly account: string; readonly keysLoggedOut: boolean };
  };
}

/** `holdfast.fleet.<verb>`: any node answers for all; `status` also as `holdfast.status`. */
export interface FleetProtocol {
  /** By name, from behind `after` on. */
  readonly status: { asked: { readonly after?: string }; answered: AccountsPage };
  /** The fleet's health as the database knows it. What nodes count, `holdfast.nodes.metrics` tells. */
  readonly health: {
    asked: Nothing;
    answered: { readonly stored: StoredHealth; readonly accounts: AccountsHealth };
  };
  /** The hosts that live, and those that were revoked within a day, by name. */
  readonly hosts: { asked: Nothing; answered: { readonly hosts: readonly HostSummary[] } };
  /** The public curve key that requests to this fleet are sealed to. */
  readonly sealing: { asked: Nothing; answered: { readonly key: string } };
  /** Of one account, of one key, or of all. */
  readonly who: {
    asked: { readonly account?: string; readonly keyId?: string };
    answered: { readonly holders: readonly Holder[] };
  };
  readonly force: {
    asked: { readonly account: string };
    answered: { readonly account: string; readonly forced: Forced };
  };
  readonly driver: {
    asked: { readonly account: string; readonly driver: string };
    answered: { readonly account: string; readonly driver: DriverName };
  };
  /**
   * The newest first. `more`: the cursors of the next pages, `before` and `parkedBefore`; null: that list is at its
   * end.
   */
  readonly conversations: {
    asked: {
      readonly account?: string | undefined;
      readonly limit?: number;
      readonly before?: string;
      readonly parkedBefore?: string;
    };
    answered: {
      readonly sessions: readonly Records.SessionSummary[];
      readonly parked: readonly ParkedItem[];
      readonly more: { readonly sessions: string | null; readonly parked: string | null };
      /** Users with the most messages waiting in the backlog. */
      readonly behind: readonly Records.UserBehind[];
    };
  };
  /** The oldest turns first. `more`: the next page's `after`; null: there is no later turn. */
  readonly conversation: {
    asked: { readonly session: string; readonly after?: number };
    answered: {
      readonly session: Records.SessionSummary;
      readonly turns: readonly Records.TurnHistory[];
      readonly more: number | null;
    };
  };
  /** Sessions that wait for a person or have one, those without an answer first, the oldest of them first. */
  readonly escalations: {
    asked: { readonly account?: string | undefined };
    answered: { readonly escalations: readonly EscalationSummary[] };
  };
  readonly park: {
    asked: { readonly session: string; readonly back?: boolean };
    answered: { readonly session: string; readonly status: SessionStatus };
  };
  /** A person's answer in a session, sent as the bot's replies are. The same `key` twice is one answer. */
  readonly "conversation-reply": {
    asked: { readonly session: string; readonly text: string; readonly key: string };
    answered: {
      readonly session: string;
      readonly account: string;
      readonly status: SessionStatus;
      readonly messages: number;
      readonly repeated: boolean;
    };
  };
  readonly replay: {
    asked: { readonly parked: string };
    answered: { readonly parked: string };
  };
  /**
   * The next part of the parked messages, in each user's order. `reason`: only those whose reason begins with that
   * code. `until`: as the first part's answer says.
   */
  readonly "replay-all": {
    asked: { readonly reason?: string | undefined; readonly until?: string | undefined };
    answered: { readonly replayed: number; readonly left: number; readonly until: string };
  };
  /** Replies that were given up, the newest first. `before`: the `next` of the page before. */
  readonly replies: {
    asked: {
      readonly account?: string | undefined;
      readonly limit?: number;
      readonly before?: string | undefined;
    };
    answered: { readonly replies: readonly UndeliveredReply[]; readonly next: string | null };
  };
  /**
   * The next part of what is known of a chat user, in one account or all. `rows`: what went, by table and stream. `at`:
   * what the next part is asked with; null: nothing is left.
   */
  readonly forget: {
    asked: {
      readonly user: string;
      readonly account?: string | undefined;
      readonly channel?: string | undefined;
      readonly dryRun?: boolean;
      readonly at?: string | undefined;
    };
    answered: { readonly rows: PersonRows; readonly at: string | null };
  };
  /** Rows and messages that name a chat user still, by table and stream. `at`: as in `forget`. */
  readonly "forget-search": {
    asked: { readonly user: string; readonly at?: string | undefined };
    answered: { readonly found: PersonRows; readonly at: string | null };
  };
  /** The next part of what is older than it is to be kept. `more`: not all of it is gone yet. */
  readonly retention: {
    asked: { readonly dryRun?: boolean };
    answered: { readonly removed: readonly Removed[]; readonly more: boolean };
  };
  readonly "reply-resend": {
    asked: { readonly reply: string };
    answered: { readonly reply: string; readonly account: string };
  };
  readonly "reply-drop": {
    asked: { readonly reply: string };
    answered: { readonly reply: string; readonly account: string };
  };
  /** The newest first; revoked ones too. */
  readonly callers: {
    asked: Nothing;
    answered: { readonly callers: readonly CallerRecord[] };
  };
  /** `key`: the public half. `days`: how long it holds; for ever where it is missing. */
  readonly "caller-add": {
    asked: {
      readonly name: string;
      readonly key: string;
      readonly role: string;
      readonly accounts: "all" | readonly string[];
      readonly days?: number | null;
    };
    answered: { readonly caller: CallerRecord };
  };
  readonly "caller-revoke": {
    asked: { readonly name: string };
    answered: { readonly caller: CallerRecord };
  };
  /**
   * A move of all accounts to fresh keys: the open one for that reason, else a new one. `ended`: closes that
   * one, where no account is left.
   */
  readonly campaign: {
    asked: { readonly because?: string; readonly ended?: string };
    answered: {
      readonly id: string;
      /** It was begun before. */
      readonly known: boolean;
      readonly accounts: readonly CampaignAccount[];
    };
  };
}
