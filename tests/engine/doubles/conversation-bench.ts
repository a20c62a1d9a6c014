import { randomBytes } from "node:crypto";
import { conversationMachine } from "../../../machines/conversation.ts";
import { type ConversationRules, conversationRules } from "../../../machines/conversation-rules.ts";
import type { AccountKind } from "../../../machines/lifecycle.ts";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import {
  createConversationStore,
  type GroupLimits,
} from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createOutboxStore } from "../../../src/adapters/postgres/outbox-store.ts";
import { createIncarnationStore } from "../../../src/adapters/postgres/incarnation-store.ts";
import { createTokenStore } from "../../../src/adapters/postgres/token-store.ts";
import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { createStepStore } from "../../../src/adapters/postgres/step-store.ts";
import { createSystemClock } from "../../../src/adapters/system-clock.ts";
import { createReplyDesk, type ReplyDesk } from "../../../src/conversation/outbox/ticket.ts";
import type { OutboxSender } from "../../../src/engine/outbox.ts";
import { menuStyleOf } from "../../../src/engine/menu.ts";
import { createTelegramSender } from "../../../src/engine/telegram-sender.ts";
import type { TelegramSenderOptions } from "../../../src/engine/telegram-sender.ts";
import {
  createTurnEngine,
  type TurnEngine,
  type TurnEngineOptions,
} from "../../../src/engine/turns.ts";
import type { Bot } from "../../../src/ports/bot.ts";
import type {
  ConversationStore,
  OutboxStore,
  StepStore,
} from "../../../src/ports/conversation-store.ts";
import type { NoteEvent, TransitionEvent } from "../../../src/ports/event-sink.ts";
import type { GrantRef } from "../../../src/ports/gate.ts";
import type { InboundItem } from "../../../src/ports/inbound-stream.ts";
import type { TokenStore } from "../../../src/ports/token-store.ts";
import { createTestDatabase } from "../../support/database.ts";
import { createTestStream, type TestStream } from "./test-stream.ts";
import { createTestTelegram, type TestTelegram } from "./test-telegram.ts";

/** Conversations over real Postgres, with the stream and Telegram in the test's hand. */
export interface ConversationBench {
  readonly database: Database;
  readonly conversations: ConversationStore;
  readonly steps: StepStore;
  readonly outbox: OutboxStore;
  readonly tokens: TokenStore;
  readonly stream: TestStream;
  readonly telegram: TestTelegram;
  /** Where the senders leave their offers; an engine that is to ask there is told so. */
  readonly desk: ReplyDesk;
  readonly grant: GrantRef;
  /** Codes of the notes reported so far. */
  readonly notes: string[];
  readonly decisions: string[];
  readonly turnEndings: string[];
  /** Statements that Postgres was given. */
  readonly statements: string[];
  /** An engine under a new owner's epoch. Its commits go to the outbox of the last sender. */
  makeEngine(bot: Bot, change?: Partial<TurnEngineOptions>): Promise<TurnEngine>;
  makeSender(change?: Partial<TelegramSenderOptions>): OutboxSender;
  /** Bodies for one chat user, in the order in which they were committed. */
  repliesTo(chatUser: string): Promise<readonly string[]>;
  /** Commits one reply per body for the chat, or for a given message one per line of it. */
  commitReplies(chatUser: string, ...bodies: readonly string[]): Promise<void>;
  commitLines(item: InboundItem): Promise<void>;
  /** Resolves when nothing of the account is left to send. */
  sent(): Promise<void>;
  close(): Promise<void>;
}

export const account = "site-bot";
const incarnation = "bench";

export interface ConversationBenchOptions {
  /** By default, those of a node. */
  readonly rules?: ConversationRules;
  readonly limits?: GroupLimits;
}

/** Makes every turn's load and commit a statement of its own, for specs that count them. */
export const ungrouped: GroupLimits = { lanes: 1, sizeMax: 1 };

export async function openConversationBench(
  kind: AccountKind = "bot",
  { rules = conversationRules(conversationMachine), limits }: ConversationBenchOptions = {},
): Promise<ConversationBench> {
  const testDatabase = await createTestDatabase();
  const statements: string[] = [];
  const database = openDatabase(testDatabase.url, {
    onQuery: (text) => void statements.push(text),
  });
  const tokens = createTokenStore(database, tokenRules(tokenMachine));
  const grant = await connectAccount(database, tokens, kind);
  const conversations = createConversationStore(database, {
    rules,
    ...(limits !== undefined && { limits }),
  });
  const steps = createStepStore(database);
  const outbox = createOutboxStore(database);
  const clock = createSystemClock();
  const stream = createTestStream();
  const telegram = createTestTelegram();
  const desk = createReplyDesk();
  const notes: string[] = [];
  const decisions: string[] = [];
  const turnEndings: string[] = [];
  const watchers = new Set<() => void>();
  const events = {
    report: (event: NoteEvent | TransitionEvent) => {
      if (event.type === "note") notes.push(event.code);
    },
  };
  const engines: TurnEngine[] = [];
  const senders: OutboxSender[] = [];

  const announced: OutboxStore = {
    ...outbox,
    async settle(results) {
      await outbox.settle(results);
      for (const watcher of watchers) watcher();
    },
  };

  const bench: ConversationBench = {
    database,
    conversations,
    steps,
    outbox: announced,
    tokens,
    stream,
    telegram,
    desk,
    grant,
    notes,
    decisions,
    turnEndings,
    statements,
    async makeEngine(bot, change = {}) {
      const claim = await conversations.claimPartition(0, "bench");
      const engine = createTurnEngine({
        store: conversations,
        rules,
        steps,
        media: { read: async () => new Uint8Array() },
        stream,
        clock,
        events,
        claim,
        inactiveAfterMs: 3_600_000,
        findBot: (of) =>
          of.account === account ? { bot, style: menuStyleOf(kind), sentBy: "holder" } : null,
        notifyOutbox: () => senders.at(-1)?.notify(),
        onDecision: ({ code }) => void decisions.push(code),
        onTurn: (ending) => void turnEndings.push(ending),
        onStaleOwner: () => {},
        limits: { retryDelayMs: 1, retryDelayMsMax: 5 },
        ...change,
      });
      engines.push(engine);
      return engine;
    },
    makeSender(change = {}) {
      const sender = createTelegramSender({
        store: announced,
        client: telegram.client,
        grant,
        kind,
        desk,
        clock,
        events,
        onFlood: () => {},
        onTokenLost: () => {},
        onReply: () => {},
        limits: { retryDelayMs: 1, retryDelayMsMax: 5 },
        ...change,
      });
      senders.push(sender);
      return sender;
    },
    async repliesTo(chatUser) {
      const rows = await database.query<{ body: string }>(
        `select t.replies -> o.reply_index ->> 'body' as body from outbox o
         join turns t on t.session_id = o.session_id and t.seq = o.seq - 1 - o.reply_index
         where o.chat_user = $1 order by o.id`,
        [chatUser],
      );
      return rows.map(({ body }) => body);
    },
    commitReplies: (chatUser, ...bodies) =>
      bench.commitLines(textFrom(chatUser, bodies.join("\n"))),
    async commitLines(item) {
      const engine = await bench.makeEngine(lines);
      await engine.start();
      await stream.append([item]);
      await stream.emptied();
      await engine.stop();
    },
    sent: () =>
      new Promise((resolve, reject) => {
        const look = () => {
          repliesUnsent(database).then((unsent) => {
            if (unsent > 0) return;
            watchers.delete(look);
            resolve();
          }, reject);
        };
        watchers.add(look);
        look();
      }),
    async close() {
      await Promise.all(engines.map((engine) => engine.stop()));
      await Promise.all(senders.map((sender) => sender.stop()));
      await database.close();
      await testDatabase.drop();
    },
  };
  return bench;
}

/** How many replies of the account wait to be sent, or for what became of them. */
export async function repliesUnsent(database: Database): Promise<number> {
  const [row] = await database.query<{ unsent: number }>(
    "select count(*)::int as unsent from outbox where account = $1 and state in ('pending', 'sending')",
    [account],
  );
  return row!.unsent;
}

/** Replies with each line of the message. */
const lines: Bot = {
  name: "lines",
  handle(turn) {
    if (turn.input.kind !== "text") return;
    for (const line of turn.input.text.split("\n")) turn.reply(line);
  },
};

/** An account whose token is connected, as the outbox demands. */
async function connectAccount(
  database: Database,
  tokens: TokenStore,
  kind: AccountKind,
): Promise<GrantRef> {
  const accounts = createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
  await accounts.add({ name: account, kind, credentials: { kind: "bot", token: "1:bench" } });
  const slot = await accounts.addSlot(account);
  const incarnations = createIncarnationStore(database, tokenRules(tokenMachine));
  await incarnations.register({ id: incarnation, host: "bench", proof: {} });
  await tokens.grant(slot, incarnation);
  const { token } = await tokens.connected({ ...slot, epoch: 1 });
  return { ...slot, epoch: token?.epoch ?? 0 };
}

let messageIds = 0;

export function textFrom(chatUser: string, text: string, inboundId?: string): InboundItem {
  messageIds += 1;
  return {
    channel: "telegram",
    account,
    chatUser,
    peer: { userId: chatUser, accessHash: "7" },
    inboundId: inboundId ?? `m:${messageIds}`,
    kind: "text",
    text,
    receivedAtMs: 0,
  };
}

export function tapFrom(chatUser: string, messageId: number, data: string): InboundItem {
  const inboundId = `tap:${messageId}:${data}`;
  return { ...textFrom(chatUser, data, inboundId), kind: "tap" };
}
