import type { AccountKind } from "../../../machines/lifecycle.ts";
import { errorLine } from "../../errors.ts";
import type { Bot } from "../../ports/conversation/bot.ts";
import type { SessionSummary, TurnHistory } from "../../ports/conversation/conversation-records.ts";
import { createRehearsal, type RehearsedInput } from "./rehearsal.ts";

/** A turn as it was and as another bot would take it now. */
export interface ReplayedTurn {
  readonly seq: number;
  readonly asked: string;
  readonly was: readonly string[];
  /** With the reason where the bot fails. */
  readonly is: readonly string[] | { readonly fails: string };
  readonly differs: boolean;
  /** What the bot would have reached outside, and was refused. */
  readonly heldBack: readonly string[];
}

/**
 * Takes a session's turns again in memory. Each begins with the recorded messages before it and the
 * state that this bot reaches. The record tells neither names nor when a message was written: the time of its commit
 * stands for that. Outside calls are not made: a turn that would make one says so.
 * @param takeHeldBack tells, and forgets, what was refused since the last time
 */
export async function replay(
  bot: Bot,
  { session, turns }: { readonly session: SessionSummary; readonly turns: readonly TurnHistory[] },
  kind: AccountKind,
  takeHeldBack: () => readonly string[] = () => [],
): Promise<readonly ReplayedTurn[]> {
  const rehearsal = createRehearsal(bot, {
    kind,
    account: session.account,
    sessionId: session.id,
    chatUser: session.chatUser,
    steps: {
      find: async (_turn, name) => {
        throw new Error(`it would call "${name}", which a replay does not do`);
      },
      keep: async (_turn, _name, result) => result,
    },
  });
  const replayed: ReplayedTurn[] = [];
  for (const turn of turns.filter(({ replies }) => replies[0]?.by !== "person")) {
    const { seq, asked, replies, toolOutputs } = turn;
    const was = replies.map(textOf);
    const is = await rehearsal.take(inputOf(turn), { replies, toolOutputs }).then(
      (taken) => taken.replies.map(textOf),
      (error: unknown) => ({ fails: reasonOf(error) }),
    );
    const differs = JSON.stringify(was) !== JSON.stringify(is);
    replayed.push({ seq, asked, was, is, differs, heldBack: takeHeldBack() });
  }
  return replayed;
}

/** Node names the permission that it refuses, and advises a flag that a replay does not take. */
function reasonOf(error: unknown): string {
  const refused = error instanceof Error && "permission" in error ? error.permission : null;
  if (typeof refused !== "string") return errorLine(error);
  return `it would use ${refused}, which a replay does not do`;
}

const textOf = ({ body, menu }: TurnHistory["replies"][number]): string =>
  [body, ...(menu ?? []).map(({ label }) => `[${label}]`)].join("\n");

/** A tap's inbound id carries the button's data, and the press's own id behind it. */
function inputOf({ inboundId, asked, media, at }: TurnHistory): RehearsedInput {
  const [, data] = /^tap:[^:]*:(.*?)(?:#\w+)?$/s.exec(inboundId) ?? [];
  return data === undefined
    ? {
        inboundId,
        kind: "text",
        text: asked,
        writtenAtMs: Date.parse(at),
        ...(media.length > 0 && { media }),
      }
    : { inboundId, kind: "tap", text: data };
}
