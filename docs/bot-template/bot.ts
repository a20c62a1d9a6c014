import { defineBot } from "holdfast/bot";

/** The bot of the tutorial: it looks a town's weather up, once per question, and remembers the town. */
export default defineBot({
  name: "my-bot",

  commands: {
    start(turn) {
      turn.reply("Hello! Send me the name of a town, or choose one.", [
        { label: "Paris", action: "town" },
      ]);
    },
    forget(turn) {
      turn.remember({ town: null });
      turn.reply("Forgotten. Goodbye!");
      turn.end();
    },
  },

  actions: {
    town: (turn) => answer(turn, "Paris"),
    again: (turn) => answer(turn, String(turn.context["town"] ?? "Paris")),
    person(turn) {
      turn.reply("A person will write to you here.");
      turn.escalate();
    },
  },

  async media(turn, [file]) {
    const bytes = await turn.download(file!);
    turn.reply(`Thank you for the ${file!.type} of ${bytes.length} bytes.`);
  },

  text: (turn, text) => answer(turn, text),
});

type Turn = Parameters<Parameters<typeof defineBot>[0]["text"]>[0];

async function answer(turn: Turn, town: string): Promise<void> {
  // Made once for this turn, even if the process is killed before the turn is committed.
  const weather = await turn.step("weather", () => lookUp(town, turn.id));
  turn.record("weather", weather);
  turn.remember({ town });
  turn.reply(`${weather.town}: ${weather.celsius} °C.`, [
    { label: "Again", action: "again" },
    { label: "Ask a person", action: "person" },
  ]);
}

/** WEATHER_URL answers `{"town", "celsius"}`; without it, made up from the name. */
async function lookUp(town: string, turnId: string): Promise<{ town: string; celsius: number }> {
  const url = process.env["WEATHER_URL"];
  if (url === undefined) return { town, celsius: town.length + 10 };
  const response = await fetch(`${url}?town=${encodeURIComponent(town)}`, {
    headers: { "Idempotency-Key": turnId },
  });
  return (await response.json()) as { town: string; celsius: number };
}
