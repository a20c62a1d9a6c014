import type { Connection, TlObject } from "../seam.ts";
import { type Clock, dateSeconds, randomLong, type RandomSource } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import type { MailboxMessage, User } from "./model.ts";
import type { Pushes } from "./pushes.ts";
import { tlPeer, tlUpdates, tlUsersOf } from "./render.ts";
import { badRequest } from "./rpc-error.ts";
import { createTopic, type Topic } from "./topic.ts";
import type { Users } from "./users.ts";

/** A pressed button without an answer yet. */
interface CallbackQuery {
  readonly id: bigint;
  readonly bot: User;
  readonly user: User;
  /** The message's id in the bot's message box. */
  readonly botMessageId: number;
  readonly data: Buffer;
  /** Connections of the bot that have received the query. */
  readonly toldTo: Set<Connection>;
  readonly settle: (answer: TlObject) => void;
}

/** Buttons pressed, and the bots' answers (https://core.telegram.org/api/bots/buttons). */
export interface Callbacks {
  /**
   * Presses a button under a message of the user's own message box.
   * @returns messages.botCallbackAnswer
   * @throws RpcError MESSAGE_ID_INVALID, or BOT_RESPONSE_TIMEOUT after `callbackTimeoutMs`
   */
  press(user: User, messageId: number, data: Buffer): Promise<TlObject>;
  /** The bot's answer. @throws RpcError QUERY_ID_INVALID when the query is unknown, answered or too old */
  answer(bot: User, queryId: bigint, answer: TlObject): void;
  /** Sends a connection of the bot every open query that it has not received. */
  repeatTo(bot: User, connection: Connection): void;
  readonly pressed: Topic<CallbackQuery>;
}

export interface CallbacksDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly pushes: Pushes;
}

export function createCallbacks(deps: CallbacksDeps): Callbacks {
  const { clock, random, config, users, pushes } = deps;
  const open = new Map<bigint, CallbackQuery>();
  const pressed = createTopic<CallbackQuery>();

  function envelope(query: CallbackQuery): TlObject {
    const update: TlObject = {
      _: "updateBotCallbackQuery",
      query_id: query.id,
      user_id: query.user.id,
      peer: tlPeer(query.user.id),
      msg_id: query.botMessageId,
      chat_instance: users.accessHash(query.bot.id, query.user.id),
      data: query.data,
    };
    const mentioned = tlUsersOf(users, query.bot.id, [query.user.id]);
    return tlUpdates([update], mentioned, dateSeconds(clock));
  }

  return {
    pressed,
    press(user, messageId, data) {
      const { bot, botMessageId } = pressedMessage(users, user, messageId);
      return new Promise((resolve, reject) => {
        const id = randomLong(random);
        const cancelTimeout = clock.schedule(config.callbackTimeoutMs, () => {
          open.delete(id);
          reject(badRequest("BOT_RESPONSE_TIMEOUT"));
        });
        const query: CallbackQuery = {
          id,
          bot,
          user,
          botMessageId,
          data,
          toldTo: new Set(),
          settle(answer) {
            open.delete(id);
            cancelTimeout();
            resolve(answer);
          },
        };
        open.set(id, query);
        for (const told of pushes.toUser(bot.id, envelope(query))) query.toldTo.add(told);
        pressed.publish(query);
      });
    },
    answer(bot, queryId, answer) {
      const query = open.get(queryId);
      if (query === undefined || query.bot !== bot) throw badRequest("QUERY_ID_INVALID");
      query.settle(answer);
    },
    repeatTo(bot, connection) {
      for (const query of open.values()) {
        if (query.bot !== bot || query.toldTo.has(connection)) continue;
        query.toldTo.add(connection);
        connection.push(envelope(query));
      }
    },
  };
}

function pressedMessage(
  users: Users,
  user: User,
  messageId: number,
): { bot: User; botMessageId: number } {
  const message: MailboxMessage | undefined = user.mailbox.messages.get(messageId);
  const bot = message === undefined ? undefined : users.get(message.fromId);
  const botMessageId =
    message === undefined ? undefined : bot?.mailbox.idByOrigin.get(message.originId);
  if (
    bot === undefined ||
    !bot.isBot ||
    botMessageId === undefined ||
    message?.replyMarkup?._ !== "replyInlineMarkup"
  ) {
    throw badRequest("MESSAGE_ID_INVALID");
  }
  return { bot, botMessageId };
}
