import type { Bot, Turn } from "../../ports/conversation/bot.ts";

/** Answers with the message it read, so that history is a part of every turn. */
export function answer(turn: Turn, said: string): void {
  const { history, state } = turn;
  turn.record("seen", { messages: history.length });
  turn.setState({ machineId: "bench", schemaVersion: 1, state: { before: state !== null } });
  turn.reply(`${said}, after ${history.length} messages`);
}

const bot: Bot = {
  name: "bench",
  handle: (turn) => answer(turn, turn.input.kind === "text" ? turn.input.text : "?"),
};

// A bot is what its file exports by default.
// oxlint-disable-next-line import/no-default-export
export default bot;
