import { defineBot, HoldfastError, type Turn } from "holdfast/bot";
import { after, formIn, keptAs, openForm, type VisitForm } from "./visit-form.ts";

/** The bot of the tutorial: it looks a town's weather up, once per question, and takes visits down by a form. */
export default defineBot({
  name: "my-bot",

  commands: {
    start(turn) {
      turn.reply(`Hello${turn.from.name === null ? "" : ` ${turn.from.name}`}! Send me the name of a town, or choose one.`, [
        { label: "Paris", action: "town" },
        { label: "Plan a visit", action: "visit" },
      ]);
    },
    visit: (turn) => ask(turn, openForm()),
    forget(turn) {
      turn.remember({ town: null });
      turn.reply("Forgotten. Goodbye!");
      turn.end();
    },
  },

  actions: {
    town: (turn) => answer(turn, "Paris"),
    again: (turn) => answer(turn, String(turn.context["town"] ?? "Paris")),
    visit: (turn) => ask(turn, openForm()),
    confirm: (turn) => goOn(turn, { type: "confirm" }),
    correct: (turn) => goOn(turn, { type: "again" }),
    person(turn) {
      turn.reply("A person will write to you here.");
      turn.escalate();
    },
  },

  async media(turn, [file]) {
    const bytes = await turn.download(file!);
    turn.reply(`Thank you for the ${file!.type} of ${bytes.length} bytes.`);
  },

  text(turn, text) {
    const form = formIn(turn.state);
    const isAsking = form !== null && form.value !== "done";
    return isAsking ? goOn(turn, { type: "answer", text }) : answer(turn, text);
  },
});

/** Takes the form one step further. An answer that does not fit leaves it where it is, and the question comes again. */
function goOn(turn: Turn, event: Parameters<typeof after>[1]): void {
  ask(turn, after(formIn(turn.state) ?? openForm(), event));
}

function ask(turn: Turn, form: VisitForm): void {
  turn.setState(keptAs(form));
  const { town, people } = form.context;
  switch (form.value) {
    case "town":
      return turn.reply("Which town will you visit?");
    case "people":
      return turn.reply(`How many people come to ${town}? Send a number up to 99.`);
    case "confirming":
      return turn.reply(`${people} people to ${town}?`, [
        { label: "Yes", action: "confirm" },
        { label: "Change it", action: "correct" },
      ]);
    case "done":
      turn.log.info("a visit is planned", { town, people, at: turn.date });
      return turn.reply(`Planned: ${people} people to ${town}.`);
  }
}

async function answer(turn: Turn, town: string): Promise<void> {
  // Made once for this turn, even if the process is killed before the turn is committed.
  const weather = await turn.step("weather", () => lookUp(town, turn));
  turn.record("weather", weather);
  turn.remember({ town });
  turn.reply(`${weather.town}: ${weather.celsius} °C.`, [
    { label: "Again", action: "again" },
    { label: "Ask a person", action: "person" },
  ]);
}

/** WEATHER_URL answers `{"town", "celsius"}`; without it, made up from the name. */
async function lookUp(town: string, turn: Turn): Promise<{ town: string; celsius: number }> {
  const url = process.env["WEATHER_URL"];
  if (url === undefined) return { town, celsius: town.length + 10 };
  const response = await fetch(`${url}?town=${encodeURIComponent(town)}`, {
    headers: { "Idempotency-Key": turn.id },
    signal: turn.signal,
  });
  if (response.status === 503) throw busy(Number(response.headers.get("retry-after") ?? 5));
  return (await response.json()) as { town: string; celsius: number };
}

/** The handler runs again after a rest, and the user waits. Any other error would set the message aside. */
const busy = (waitSeconds: number) =>
  new HoldfastError({
    code: "WEATHER_BUSY",
    message: "The weather service is busy.",
    next: "Nothing is to be done; the message is taken again by itself.",
    policy: "retryable",
    waitSeconds,
  });
