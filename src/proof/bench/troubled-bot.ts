import { setTimeout as rest } from "node:timers/promises";
import type { Bot } from "../../ports/conversation/bot.ts";
import { answer } from "./bench-bot.ts";

const leaked: Buffer[] = [];

/** What a bot's author may have written, by the text that meets it. */
const troubles: Readonly<Record<string, () => Promise<void> | void>> = {
  async crash() {
    setTimeout(() => {
      throw new Error("nothing catches this");
    });
    await rest(60_000);
  },
  exit: () => process.exit(1),
  loop() {
    for (let at = 0; ; at += 1) if (at < 0) return;
  },
  async leak() {
    for (;;) {
      leaked.push(Buffer.alloc(8 * 1024 * 1024, 1));
      await rest(1);
    }
  },
  float() {
    void Promise.reject(new Error("nothing awaits this"));
  },
};

const bot: Bot = {
  name: "troubled",
  async handle(turn) {
    const said = turn.input.kind === "text" ? turn.input.text : "?";
    await troubles[said]?.();
    answer(turn, said);
  },
};

// A bot is what its file exports by default.
// oxlint-disable-next-line import/no-default-export
export default bot;
