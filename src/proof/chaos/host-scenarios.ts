import { fileURLToPath } from "node:url";
import { stepOfNewKey } from "../../accounts/steps.ts";
import { HoldfastError } from "../../errors.ts";
import { startBursts } from "./bursts.ts";
import { processState } from "./chaos-host.ts";
import { judgeCalls, type Kill } from "./counter.ts";
import { eventually } from "./fleet.ts";
import {
  holdMs,
  suspectMs,
  hourMs,
  bigCalls,
  bigCallBytes,
  isGone,
  sendQueueTo,
  kill,
  freeze,
  breakLink,
  redeploy,
  type Scenario,
} from "./stage.ts";

const killingMs = 120_000;
const killEveryMs = 2_000;

/** Faults of hosts: of their processes, links, names and clocks. */
export const hostScenarios: readonly Scenario[] = [
  {
    name: "kill-node",
    proves: "a dead worker's accounts move to a warm host at once",
    hosts: 2,
    epochRises: true,
    run: (stage) => kill(stage, stage.holder, "node"),
  },
  {
    name: "kill-nodes",
    proves:
      "turns and their steps keep order and happen once while a node is killed every 2 s for 2 minutes",
    hosts: 2,
    epochRises: true,
    environment: { HOLDFAST_BOT: fileURLToPath(new URL("counting-bot.ts", import.meta.url)) },
    countsSteps: true,
    async run({ fleet, counter, delivered, rest }) {
      const bursts = await startBursts(fleet);
      const endMs = performance.now() + killingMs;
      const kills: Kill[] = [];
      for (let next = 0; performance.now() < endMs; next += 1) {
        const alive = fleet.hosts.filter(({ pids }) => !isGone(pids.node));
        const host = alive[next % alive.length];
        if (host !== undefined) {
          const pid = host.pids.node;
          host.signal("node", "SIGKILL");
          kills.push({ pid, atMs: performance.now() });
        }
        await rest(killEveryMs);
      }
      delivered(
        `SIGKILL of a node, ${kills.length} times in ${killingMs / 1000} s`,
        kills.length > 0,
      );
      await fleet.untilServed(90_000);
      const verdict = await bursts.end();
      const faults = [verdict.arrived, verdict.taken].flatMap((judged) => Object.values(judged));
      delivered(
        `numbered messages, judged by telegram-dc and by the database: ${JSON.stringify(verdict)}`,
        verdict.messages > 0 && faults.every((count) => count === 0),
      );
      const counted = judgeCalls(counter!.calls, verdict.messages, kills);
      delivered(
        `steps, judged by the server that they call: ${JSON.stringify(counted)}`,
        counted.missing === 0 && counted.unexplained === 0 && counted.twoKeys === 0,
      );
    },
  },
  {
    name: "kill-gate",
    proves: "a dead gate whose send queue is full is silent only once that is waited out",
    hosts: 2,
    epochRises: true,
    async run(stage) {
      const { holder, fleet, account, delivered } = stage;
      const { telegram } = holder.links;
      telegram.set("frozen");
      const bytes = { $bytes: Buffer.alloc(bigCallBytes).toString("base64") };
      const params = { fileId: { $long: "1" }, filePart: 0, bytes };
      const calls = Array.from({ length: bigCalls }, () =>
        fleet
          .ask(`holdfast.account.${account}.invoke`, { method: "upload.saveFilePart", params })
          .catch(() => null),
      );
      const queued = await eventually(
        "the send queue fills",
        async () => sendQueueTo(telegram.port) > bigCallBytes && sendQueueTo(telegram.port),
      );
      delivered(`${queued} bytes wait in the send queue`, queued > 0);
      await kill(stage, holder, "gate");
      telegram.set("flow");
      await Promise.all(calls);
    },
  },
  {
    name: "stop-host",
    proves: "a host that sleeps past its takeover sends nothing when it wakes",
    hosts: 2,
    epochRises: true,
    // A sleeping host's sockets cannot be closed: two connections exist, and one must not speak.
    policy: "parallel-requests",
    async run({ fleet, holder, delivered, slept, rest }) {
      const fromMs = Date.now();
      for (const which of ["gate", "node"] as const) holder.signal(which, "SIGSTOP");
      const { gate, node } = holder.pids;
      const stopped = () => [gate, node].every((pid) => processState(pid) === "T");
      await eventually("the host sleeps", async () => stopped(), 5_000);
      await eventually("every account moves", async () =>
        (await fleet.tokens()).every(
          ({ state, host }) => state === "connected" && host !== holder.name,
        ),
      );
      await fleet.untilServed();
      delivered("SIGSTOP of the gate and the node until the takeover was over", stopped());
      slept({ host: holder.name, fromMs, toMs: Date.now() });
      // The node first: a waking gate ends its node at once, and then no process would be left to
      // signal.
      for (const which of ["node", "gate"] as const) holder.signal(which, "SIGCONT");
      await eventually("the host begins anew", async () => isGone(gate));
      await rest(3_000);
    },
  },
  {
    name: "stop-node",
    proves: "a node that hangs is ended, and its accounts move",
    hosts: 2,
    epochRises: true,
    async run(stage) {
      await freeze(stage, stage.holder.pids.node, "node", holdMs + 2_000);
    },
  },
  {
    name: "stop-gate",
    proves:
      "a gate that sleeps past its lease does nothing when it wakes, in the middle of its takeover",
    hosts: 2,
    epochRises: true,
    async run(stage) {
      const { holder, slept } = stage;
      const sleep = await freeze(stage, holder.pids.gate, "gate", holdMs + suspectMs + 1_500);
      slept({ host: holder.name, ...sleep });
    },
  },
  {
    name: "partition-nats",
    proves: "a holder cut off from NATS lets go before another host takes over",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "nats", 2 * holdMs + 4_000),
  },
  {
    name: "partition-postgres",
    proves: "a holder that Postgres does not reach gives its accounts up over NATS",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "postgres", 12_000),
  },
  {
    name: "partition-telegram",
    proves: "a connection that Telegram lost is made again under a new epoch",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "telegram", 26_000),
  },
  {
    name: "same-name",
    proves: "a second host of the same name is refused, and the first one stays",
    hosts: 2,
    epochRises: false,
    environment: { HOLDFAST_T_DRAIN_MS: "2000", HOLDFAST_T_DISCONNECT_MS: "1000" },
    async run({ fleet, holder, delivered }) {
      const twin = await fleet.addHost(holder.name);
      const refusal = await twin.start().then(
        () => "it started",
        (error: unknown) => String(error),
      );
      delivered(
        `the second ${holder.name} was refused: ${refusal.slice(0, 90)}`,
        refusal.includes("lease"),
      );
    },
  },
  {
    name: "double-import",
    proves: "one session under two names is refused, and the one that serves goes on",
    hosts: 2,
    epochRises: false,
    async run({ fleet, account, delivered }) {
      const { accountStore: store } = fleet;
      const session = await store.loadSession({ account, slot: 1 });
      const name = "bot-copy";
      await store.add({ name, kind: "bot", credentials: await store.credentials(account) });
      const copy = await store.addSlot(name);
      const refusal = await store.saveSession(copy, session!, stepOfNewKey).then(
        () => "it was stored",
        (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
      );
      delivered(`the second import was refused: ${refusal}`, refusal.includes("KEY_ALREADY_HELD"));
      const { holders } = await fleet.ask("holdfast.fleet.who", { keyId: session!.keyId });
      delivered("one account holds the key", (holders as unknown[]).length === 1);
    },
  },
  {
    name: "clock-jumps",
    clocksDiffer: true,
    proves: "a clock that jumps ahead ends a lease at most, and one that jumps back prolongs none",
    hosts: 2,
    epochRises: true,
    async run({ fleet, holder, others, account, delivered, rest }) {
      const [other] = others;
      const begun = holder.gatesStarted;
      const otherBegun = other!.gatesStarted;
      other!.shiftClock(-2 * hourMs);
      await rest(holdMs);
      delivered(
        `the clock of ${other!.name} jumped two hours back; its gate goes on`,
        other!.gatesStarted === otherBegun,
      );
      holder.shiftClock(hourMs);
      await eventually("the gate whose clock jumped ends", async () => holder.gatesStarted > begun);
      delivered(`the clock of ${holder.name} jumped an hour ahead; its gate began anew`, true);
      await eventually("the account is held again", () => fleet.holderOf(account));
    },
  },
  {
    name: "double-force",
    proves: "two operators who force the same account at once break nothing",
    hosts: 2,
    epochRises: true,
    async run({ fleet, account, delivered }) {
      const forced = await Promise.all(
        [1, 2].map(() => fleet.ask("holdfast.fleet.force", { account })),
      );
      const how = forced.map((answer) => String(answer["forced"]));
      delivered(`forced: ${how.join(", ")}`, how.includes("fenced") || how.includes("ended"));
    },
  },
  {
    name: "rolling-deploy-3",
    proves: "three hosts are replaced one after the other under load",
    hosts: 3,
    epochRises: true,
    async run(stage) {
      for (const host of [stage.holder, ...stage.others]) await redeploy(stage, host);
    },
  },
  {
    name: "rolling-deploy-1",
    proves: "the new gate of one host waits for the old one to end",
    hosts: 1,
    epochRises: true,
    async run({ fleet, holder, delivered }) {
      const next = await fleet.addHost(holder.name);
      const begun = next.start();
      const pid = holder.pids.gate;
      await holder.stop();
      delivered(`the old gate ${pid} ended while the new one waited`, isGone(pid));
      await begun;
    },
  },
];
