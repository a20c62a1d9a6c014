import type { FleetProtocol, Handlers } from "./protocol.ts";
import { deriveRandomId } from "../conversation/outbox/random-id.ts";
import { partsOf } from "../conversation/turns/reply-parts.ts";
import { HoldfastError } from "../errors.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import { type PersonReplies, personInboundId } from "../ports/conversation/person-replies.ts";
import type { UndeliveredReplies } from "../ports/conversation/undelivered-replies.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
import { textIn } from "./fields.ts";

/** The verbs about replies that were given up, and a person's own answer. */
export type ReplyVerbs = Handlers<
  FleetProtocol,
  "replies" | "reply-resend" | "reply-drop" | "conversation-reply"
>;

export interface ReplyCommandOptions {
  readonly undelivered: UndeliveredReplies;
  readonly records: Pick<ConversationRecords, "show">;
  readonly persons: PersonReplies;
  /** Tells every node that replies of this account wait. */
  tellReplies(account: string): void;
}

/** A page of these fits into one answer. */
const listMax = 200;
const listDefault = 50;

/**
 * Any node's answers about replies that were given up. `replies`: the list, in pages. `reply-resend`: sends one again.
 * `reply-drop`: takes one off the list. `conversation-reply`: says something in a session, in the bot's place.
 */
export function createReplyCommands(options: ReplyCommandOptions): ReplyVerbs {
  const { undelivered, records, persons, tellReplies } = options;

  return {
    async replies({ account, before, limit }, speaker) {
      const most = Number.isInteger(limit) ? Math.min(Math.max(Number(limit), 1), listMax) : null;
      const page = await undelivered.list({
        accounts: typeof account === "string" ? ownOnly(account, speaker) : speaker.accounts,
        before: typeof before === "string" ? before : null,
        limit: most ?? listDefault,
      });
      return { ok: true, ...page };
    },
    async "reply-resend"(body, speaker) {
      const reply = textIn(body, "reply");
      const account = await undelivered.resend(reply, speaker.accounts);
      if (account === null) throw replyUnknown(reply);
      tellReplies(account);
      return { ok: true, reply, account };
    },
    async "reply-drop"(body, speaker) {
      const reply = textIn(body, "reply");
      const account = await undelivered.drop(reply, speaker.accounts);
      if (account === null) throw replyUnknown(reply);
      return { ok: true, reply, account };
    },
    async "conversation-reply"(body, speaker) {
      const [session, said, key] = [
        textIn(body, "session"),
        textIn(body, "text"),
        textIn(body, "key"),
      ];
      const found = isRowId.test(session) ? await records.show(session, 1) : null;
      if (found === null) throw sessionNotOpen(session);
      const { account, chatUser } = found.session;
      if (!mayName(speaker, account)) throw accountNotYours(speaker, account);
      if (said.trim() === "") throw nothingSaid(session);
      const inboundId = personInboundId(key);
      const bodies = partsOf(said, null, "buttons") ?? [];
      const messages = bodies.map((text, index) => ({
        body: text,
        randomId: deriveRandomId(account, chatUser, inboundId, index),
      }));
      const outcome = await persons.say({ session, inboundId, messages });
      if (outcome === "no open session") throw sessionNotOpen(session);
      if (outcome === "no address") throw noAddress(session, account);
      if (!outcome.repeated) tellReplies(account);
      return { ok: true, session, account, messages: messages.length, ...outcome };
    },
  };
}

const isRowId = /^\d{1,18}$/;

function ownOnly(account: string, speaker: Speaker): readonly string[] {
  if (mayName(speaker, account)) return [account];
  throw accountNotYours(speaker, account);
}

const sessionNotOpen = (session: string) =>
  new HoldfastError({
    code: "SESSION_NOT_OPEN",
    message: `There is no open session "${session}"; nothing was sent.`,
    next: "See the newest: npx holdfast conversation list",
  });

const nothingSaid = (session: string) =>
  new HoldfastError({
    code: "REPLY_EMPTY",
    message: "The answer has no text; nothing was sent.",
    next: `Type one: npx holdfast conversation reply ${session} "I am here"`,
  });

const noAddress = (session: string, account: string) =>
  new HoldfastError({
    code: "REPLY_ADDRESS_UNKNOWN",
    message: `Nothing was ever sent to the user of session ${session}, so that their chat's address is not kept; nothing was sent.`,
    next: `Name the user yourself: npx holdfast send ${account} @name "…"`,
  });

const replyUnknown = (reply: string) =>
  new HoldfastError({
    code: "REPLY_NOT_LISTED",
    message: `No reply "${reply}" is on the list of those that were given up; nothing was changed.`,
    next: "See the list: npx holdfast replies list",
  });
