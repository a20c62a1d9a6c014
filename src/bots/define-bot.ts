import { HoldfastError } from "../errors.ts";
import type { Media } from "../ports/telegram/media.ts";
import type { Bot, ChosenItem, StaleReason, Turn } from "../ports/conversation/bot.ts";

type Answer = Promise<void> | void;

/** A bot as an author writes it: one handler for each action of people. */
export interface BotDefinition {
  readonly name: string;
  /**
   * Whom it answers beside people: other bots, and this fleet's own accounts. By default neither, as two programs that
   * answer each other do not stop.
   */
  readonly alsoAnswers?: Bot["alsoAnswers"];
  /**
   * Commands such as `/start`, by name without the slash; `rest` is the text after the name. A
   * command without a handler is a text.
   */
  readonly commands?: Readonly<Record<string, (turn: Turn, rest: string) => Answer>>;
  /** Any other text. */
  text(turn: Turn, text: string): Answer;
  /**
   * Photos and files; `turn.download` gives their bytes. By default the caption is a text, and a
   * file without a caption is declined.
   */
  media?(turn: Turn, media: readonly Media[], caption: string): Answer;
  /** The choices of menus, by their actions; `item` is the target of the choice. */
  readonly actions?: Readonly<Record<string, (turn: Turn, item: ChosenItem | undefined) => Answer>>;
  /**
   * A choice of an ended session, or an unknown one. By default the bot says so plainly, with the
   * way back by `/start`.
   */
  staleAction?(turn: Turn, reason: StaleReason): Answer;
  /**
   * A reply could not be delivered and was given up; `code` is the channel's reason, such as
   * USER_IS_BLOCKED. By default the bot does not hear of it.
   */
  undeliverable?(turn: Turn, reply: { readonly text: string; readonly code: string }): Answer;
}

const command = /^\/([A-Za-z0-9_]{1,64})(?:@\S+)?(?:\s+|$)/;

/**
 * Makes a bot of its handlers.
 * @throws HoldfastError BOT_MALFORMED when the name or the text handler is missing
 */
export function defineBot(definition: BotDefinition): Bot {
  const { name, alsoAnswers, commands = {}, actions = {} } = definition;
  if (typeof name !== "string" || name === "" || typeof definition.text !== "function") {
    throw new HoldfastError({
      code: "BOT_MALFORMED",
      message: "A bot needs a name and a handler for texts.",
      next: 'Write: defineBot({ name: "my-bot", text(turn, text) { turn.reply(text); } })',
    });
  }

  function handleText(turn: Turn, text: string): Answer {
    const [matched = "", word = ""] = command.exec(text) ?? [];
    const handler = ownEntry(commands, word);
    return handler === undefined
      ? definition.text(turn, text)
      : handler(turn, text.slice(matched.length).trim());
  }

  function handleAction(turn: Turn, action: string, item: ChosenItem | undefined): Answer {
    const handler = ownEntry(actions, action);
    if (handler === undefined) throw unhandled(name, action);
    return handler(turn, item);
  }

  function handleMedia(turn: Turn, media: readonly Media[], caption: string): Answer {
    if (definition.media !== undefined) return definition.media(turn, media, caption);
    if (caption.trim() !== "") return handleText(turn, caption);
    return turn.reply("I cannot do anything with photos and files. Please write to me.");
  }

  return {
    name,
    ...(alsoAnswers !== undefined && { alsoAnswers }),
    hearsUndeliverable: definition.undeliverable !== undefined,
    handle(turn) {
      const { input } = turn;
      switch (input.kind) {
        case "text":
          return handleText(turn, input.text);
        case "media":
          return handleMedia(turn, input.media, input.caption);
        case "action":
          return handleAction(turn, input.action, input.item);
        case "undeliverable":
          return definition.undeliverable?.(turn, input);
        case "stale-action":
          if (definition.staleAction !== undefined)
            return definition.staleAction(turn, input.reason);
          return turn.reply(
            "That choice belongs to an earlier conversation. Send /start to begin anew.",
          );
      }
    },
  };
}

const ownEntry = <T>(entries: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(entries, name) ? entries[name] : undefined;

const unhandled = (name: string, action: string) =>
  new HoldfastError({
    code: "ACTION_UNHANDLED",
    message: `The bot ${name} offered the action "${action}" and has no handler for it.`,
    next: `Add ${JSON.stringify(action)} to the bot's actions, then replay the parked turn: npx holdfast conversation replay`,
  });
