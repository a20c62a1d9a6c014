import { z } from "zod";
import type { TurnAnswer } from "../../ports/conversation/bot-runner.ts";
import { toolOutputsMax } from "../../ports/conversation/conversation-store.ts";

import { type BotLine, botSays } from "./messages.ts";

/*
 * What a process of a bot may say. It is the bot author's: each line is checked, and what is no such line ends the
 * process.
 */

const count = z
  .int()
  .min(0)
  .max(2 ** 32);
const text = (max: number) => z.string().max(max);

const facts = z.object({
  name: text(200).min(1),
  alsoAnswers: z.array(z.enum(["bot", "fleet"])).max(2),
  hearsUndeliverable: z.boolean(),
});

const error = z.object({
  code: text(64).regex(/^[A-Z][A-Z0-9_]*$/),
  message: text(2_000),
  next: text(2_000).optional(),
  policy: z.enum(["terminal", "retryable"]),
  waitSeconds: z.number().min(0).max(86_400).optional(),
  where: text(1_000).optional(),
});

const choice = z.object({
  label: text(4_096),
  action: text(4_096),
  item: z.object({ toolOutputSeq: count, index: count }).optional(),
});

const progress = z.object({
  subject: z.unknown(),
  images: z.number(),
  comments: z.number(),
  status: z.string().nullable(),
});

const answer = z.object({
  state: z
    .object({ machineId: text(1_000), schemaVersion: z.number(), state: z.unknown() })
    .optional(),
  context: z.record(z.string(), z.unknown()).optional(),
  progress: z.union([z.literal("end"), progress]).optional(),
  asked: z.enum(["escalate", "end"]).nullable(),
  toolOutputs: z.array(z.object({ name: text(1_000), output: z.unknown() })).max(toolOutputsMax),
  replies: z
    .array(z.object({ body: text(4_096), menu: z.array(choice).max(50).nullable() }))
    .max(20),
  stickyReply: z.int().min(1).max(20).optional(),
});

const source = z.union([
  z.object({ kind: z.literal("url"), url: text(8_192) }),
  z.object({
    kind: z.literal("telegram"),
    messageId: z.number(),
    id: text(32),
    accessHash: text(32),
    fileReference: text(4_096),
    thumbSize: text(16),
  }),
]);

const media = z.object({
  type: z.enum(["photo", "file"]),
  mimeType: text(256),
  size: z.number().nullable(),
  fileName: text(4_096).nullable(),
  source,
});

const logLevel = z.enum(["debug", "info", "warn", "error"]);

const line = z.union([
  z.tuple([z.literal(botSays.ready), facts]),
  z.tuple([z.literal(botSays.unusable), error]),
  z.tuple([z.literal(botSays.answer), count, z.boolean(), z.unknown()]),
  z.tuple([z.literal(botSays.failure), count, z.boolean(), error]),
  z.tuple([z.literal(botSays.step), count, count, text(1_000)]),
  z.tuple([z.literal(botSays.called), count, count, z.unknown()]),
  z.tuple([z.literal(botSays.callFailed), count, count, error]),
  z.tuple([z.literal(botSays.download), count, count, media, z.number().min(0)]),
  z.tuple([z.literal(botSays.beat), z.number()]),
  z.tuple([z.literal(botSays.floating), error]),
  z.tuple([z.literal(botSays.lastWords), count, z.enum(["crash", "exit"]), error]),
  z.tuple([
    z.literal(botSays.log),
    count,
    logLevel,
    text(2_000),
    z.record(z.string(), z.unknown()),
  ]),
]);

/** null: it is no line of a bot's process. */
export function readBotLine(json: string): BotLine | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  // The most frequent one is told apart without a look at the others.
  if (Array.isArray(value) && value[0] === botSays.answer) return answerLine(value);
  const read = line.safeParse(value);
  return read.success ? read.data : null;
}

function answerLine(value: readonly unknown[]): BotLine | null {
  const [, turn, isClean, of] = value;
  if (!Number.isSafeInteger(turn) || typeof isClean !== "boolean") return null;
  return [botSays.answer, turn as number, isClean, of];
}

/** Of an answer that is none: what is wrong with it. */
export function readAnswer(value: unknown): TurnAnswer | { readonly wrong: string } {
  const read = answer.safeParse(value);
  if (!read.success) {
    const [{ path, message } = { path: [], message: "" }] = read.error.issues;
    return { wrong: `${path.join(".")}: ${message}`.slice(0, 200) };
  }
  return read.data as TurnAnswer;
}
