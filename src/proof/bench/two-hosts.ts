import { fileURLToPath } from "node:url";
import { createPhoneUser } from "../../demo/phone-user.ts";
import { accessOf, type ChaosFleet, eventually, startFleet } from "../chaos/fleet.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const duringMax = 2;
const setAsideMsMax = 60_000;

interface Pace {
  readonly people: number;
  /** Of each person, between a reply and the next message. */
  readonly thinkMs: number;
  readonly quietMs: number;
}

const fullPace: Pace = { people: 200, thinkMs: 4_000, quietMs: 15_000 };
const quickPace: Pace = { people: 20, thinkMs: 1_000, quietMs: 3_000 };

/** By the text that makes the bot misbehave, the reason under which its message is set aside. */
const troubles = {
  crash: "BOT_CRASHED",
  exit: "BOT_EXITED",
  loop: "BOT_HUNG",
  leak: "BOT_OUT_OF_MEMORY",
  float: "BOT_FLOATING",
} as const;

/**
 * 200 people talk to the bots of a fleet of two hosts, and one says each text that makes the bot misbehave. Each figure
 * is beside the quiet part of the same run.
 */
export async function measureTwoHosts(
  log: (line: string) => void,
  isQuick: boolean,
): Promise<readonly Figure[]> {
  const pace = isQuick ? quickPace : fullPace;
  const fleet = await startFleet({
    hosts: 2,
    accounts: 3,
    direct: true,
    log,
    environment: { HOLDFAST_BOT: fileURLToPath(new URL("troubled-bot.ts", import.meta.url)) },
  });
  try {
    return await measure(fleet, pace, log);
  } finally {
    await fleet.close();
  }
}

async function measure(
  fleet: ChaosFleet,
  { people, thinkMs, quietMs }: Pace,
  log: (line: string) => void,
) {
  const talk = await startTalk(fleet, people, thinkMs);
  const before = processesOf(fleet);
  await rest(thinkMs);
  const quiet = await talk.during(() => rest(quietMs));
  log(`quiet: p99 ${Math.round(percentile(quiet, 0.99))} ms of ${quiet.length} messages`);
  const figures: Figure[] = [];
  for (const [text, code] of Object.entries(troubles)) {
    const { username } = fleet.accounts[0]!;
    const troubled = await createPhoneUser(accessOf(fleet.dc), `Says ${text}`, username);
    const during = await talk.during(async () => {
      const sinceMs = performance.now();
      troubled.say(text).catch(() => undefined);
      await eventually(`${text} is set aside`, () => isSetAside(fleet, code), setAsideMsMax);
      await rest(Math.max(0, quietMs - (performance.now() - sinceMs)));
    });
    const p99 = percentile(during, 0.99);
    log(`${text}: set aside as ${code}; p99 ${Math.round(p99)} ms of ${during.length} messages`);
    figures.push(
      figure(`two-hosts-bot-${text}-p99-during`, p99, "ms", duringMax * percentile(quiet, 0.99)),
    );
  }
  await talk.stop();
  const after = processesOf(fleet);
  const replaced = after.filter((process, at) => process !== before[at]).length;
  return [...figures, figure("two-hosts-nodes-and-gates-replaced", replaced, "processes", 1)];
}

/** Process numbers of gates and nodes, and how many gates each host has started. */
const processesOf = ({ hosts }: ChaosFleet): readonly number[] =>
  hosts.flatMap(({ pids, gatesStarted }) => [pids.gate, pids.node, gatesStarted]);

async function isSetAside({ database }: ChaosFleet, code: string): Promise<boolean> {
  const rows = await database.query("select from parked_turns where code = $1", [code]);
  return rows.length === 1;
}

/** People who each say something, wait for the reply, and say something again. */
async function startTalk(fleet: ChaosFleet, people: number, thinkMs: number) {
  let samples: number[] = [];
  let isOver = false;
  const users = await Promise.all(
    Array.from({ length: people }, (_, index) => {
      const { username } = fleet.accounts[index % fleet.accounts.length]!;
      return createPhoneUser(accessOf(fleet.dc), `Person ${index}`, username);
    }),
  );
  const talking = users.map(async (user, index) => {
    await rest((thinkMs * index) / people);
    while (!isOver) {
      const sinceMs = performance.now();
      await user.say("hello");
      samples.push(performance.now() - sinceMs);
      await rest(thinkMs);
    }
  });
  const all = Promise.all(talking);
  all.catch(() => undefined);
  return {
    async during(work: () => Promise<void>): Promise<readonly number[]> {
      samples = [];
      await work();
      return samples;
    },
    async stop(): Promise<void> {
      isOver = true;
      await all;
    },
  };
}

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
