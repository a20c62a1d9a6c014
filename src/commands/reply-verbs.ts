import type { FleetProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { UndeliveredReplies } from "../ports/conversation/undelivered-replies.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
import { textIn } from "./fields.ts";

/** The verbs about replies that were given up. */
export type ReplyVerbs = Handlers<FleetProtocol, "replies" | "reply-resend" | "reply-drop">;

export interface ReplyCommandOptions {
  readonly undelivered: UndeliveredReplies;
  /** Tells every node that replies of this account wait. */
  tellReplies(account: string): void;
}

/** A page of these fits into one answer. */
const listMax = 200;
const listDefault = 50;

/**
 * Any node's answers about replies that were given up. `replies`: the list, in pages. `reply-resend`: sends one again.
 * `reply-drop`: takes one off the list.
 */
export function createReplyCommands(options: ReplyCommandOptions): ReplyVerbs {
  const { undelivered, tellReplies } = options;

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
  };
}

function ownOnly(account: string, speaker: Speaker): readonly string[] {
  if (mayName(speaker, account)) return [account];
  throw accountNotYours(speaker, account);
}

const replyUnknown = (reply: string) =>
  new HoldfastError({
    code: "REPLY_NOT_LISTED",
    message: `No reply "${reply}" is on the list of those that were given up; nothing was changed.`,
    next: "See the list: npx holdfast replies list",
  });
