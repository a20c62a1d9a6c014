import { createConversationRecords } from "../../adapters/postgres/conversation-records.ts";
import { readReuse } from "../../adapters/postgres/diagnosis.ts";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import type { AccountStatus } from "../../commands/account-status.ts";
import { askNear, isGood } from "../../embedded/near-request.ts";
import { readRunInfo } from "../../embedded/run-info.ts";
import { fleetAccounts } from "../fleet-status.ts";
import { type Check, fault, ok, unknown } from "./check.ts";
import { database, indexes, schema, sessions } from "./database-checks.ts";
import { askingEnv, type Env, type World } from "./world.ts";

/** States of an account in which nothing has to be done for it. */
type WellStates = ReadonlySet<string>;

/** What must hold after a deployment: the schema, and that every part is used. */
export function verifyChecks(
  env: Env,
  home: string,
  world: World,
  well: WellStates,
): readonly Check[] {
  const { database: asked } = world;
  return [
    database(asked),
    schema(asked),
    indexes(asked, world.ownsIndex, world.rebuild),
    sessions(asked),
    serving(async () => fleetAccounts({ env: askingEnv(env) }), well),
    turns(world),
    reuse(async () => readReuse(await world.records())),
    metrics(async () => (await readRunInfo(home))?.metrics ?? null, readText),
  ];
}

/** Every account serves, or does not as a person wanted it so. */
export const serving = (
  read: () => Promise<readonly Pick<AccountStatus, "name" | "state">[]>,
  well: WellStates,
): Check => ({
  name: "serving",
  async look() {
    const all = await read();
    const ill = all.filter(({ state }) => !well.has(state));
    const [first] = ill;
    if (first === undefined) return ok(`${all.length} accounts serve`);
    return fault(
      `not serving: ${ill.map(({ name, state }) => `${name} (${state})`).join(", ")}`,
      "their messages wait",
      `npx holdfast status ${first.name}`,
    );
  },
});

const turns = (world: World): Check => ({
  name: "turns",
  async look() {
    const rules = conversationRules(conversationMachine);
    const records = createConversationRecords(await world.records(), rules);
    const [newest] = await records.list({ limit: 1 });
    if (newest === undefined) return ok("sessions can be read; there is none yet");
    const shown = await records.show(newest.id, 1);
    return ok(`session ${newest.id} and its ${shown?.session.turns ?? 0} turns can be read`);
  },
});

const reuse = (
  read: () => Promise<{ readonly sessions: number; readonly turns: number }>,
): Check => ({
  name: "reuse",
  async look() {
    const { sessions: made, turns: taken } = await read();
    if (taken === 0) return ok("no turn was taken yet");
    const again = taken - made;
    const percent = ((100 * again) / taken).toFixed(1);
    return ok(`${taken} turns in ${made} sessions: ${again} used one that stood (${percent} %)`);
  },
});

/** @param address null: nothing runs in this home */
export const metrics = (
  address: () => Promise<string | null>,
  read: (url: string) => Promise<string>,
): Check => ({
  name: "metrics",
  async look() {
    const url = await address();
    if (url === null)
      return unknown("no host runs in this home, so no address is known", "npx holdfast start");
    const text = await read(url);
    const figures = text.split("\n").filter((line) => /^holdfast_\w+(?:\{[^}]*\})? \S/.test(line));
    const odd = figures.filter((line) => Number.isNaN(Number(line.split(" ").at(-1))));
    if (figures.length > 0 && odd.length === 0) return ok(`${figures.length} figures at ${url}`);
    return fault(
      figures.length === 0 ? `${url} has no figure of Holdfast` : `no numbers: ${odd[0]}`,
      "alarms see nothing",
      "npx holdfast logs",
    );
  },
});

const readMsMax = 4000;
const textMax = 16 * 1024 * 1024;

async function readText(url: string): Promise<string> {
  const answer = await askNear(url, { signal: AbortSignal.timeout(readMsMax) }, textMax);
  return isGood(answer) ? answer.text : "";
}
