import { createCrowd, type Crowd } from "../../demo/crowd.ts";
import { judge } from "../../demo/judge.ts";
import { createPhoneUser } from "../../demo/phone-user.ts";
import { settled } from "../../demo/settled.ts";
import { accessOf, type ChaosFleet } from "./fleet.ts";

/**
 * The verdict of the data centre's ledger and the database after a scenario; the code under test is
 * not asked.
 */
export interface Verdict {
  readonly turns: number;
  /** Under the fleet's policy. */
  readonly overlaps: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly details: readonly string[];
}

/** People who talk to the bots, and scripts that call through the holders, until told to stop. */
export interface Load {
  readonly crowd: Crowd;
  /** Calls under way at Telegram at this moment. */
  callsInFlight(): number;
  /**
   * Lets every walk end, then judges. `forgetful`: the database was restored and has lost turns.
   * Then the data centre's ledger and the people alone judge: one reply for each message. A pressed
   * button cannot be asked for again if only the database had answered it, not yet Telegram.
   */
  end(forgetful?: boolean): Promise<Verdict>;
  /** Ends all waits. */
  abandon(): void;
}

const peoplePerBot = 2;
/** Called by scripts alone: the connections' own calls are not slowed down. */
const scriptMethod = "help.getNearestDc";
const callDelayMs = 40;

export interface LoadOptions {
  /** Each person's pause before a turn, in milliseconds; by default none. */
  readonly thinkMs?: number;
  /** Scripts of each account; each makes one call after the other. */
  readonly callersPerBot?: number;
}

/** By default the load takes the whole machine. */
export async function startLoad(
  fleet: ChaosFleet,
  { thinkMs = 0, callersPerBot = 3 }: LoadOptions = {},
): Promise<Load> {
  const { dc, accounts } = fleet;
  const members = await Promise.all(
    accounts.flatMap(({ account, username, kind }) =>
      Array.from({ length: peoplePerBot }, async (_, index) => ({
        user: await createPhoneUser(accessOf(dc), `Writer ${index + 1} of ${account}`, username),
        account,
        buttons: kind === "bot",
      })),
    ),
  );
  const crowd = createCrowd(members, thinkMs);
  const stopTalking = crowd.talk();
  // Every answer takes a moment, so that a fault always meets calls in flight.
  const slowness = dc.phone.addFault({
    kind: "delay",
    method: scriptMethod,
    delayMs: callDelayMs,
    count: 1_000_000_000,
  });
  let calling = true;
  const callers = accounts.flatMap(({ account }) =>
    Array.from({ length: callersPerBot }, async () => {
      while (calling) {
        await fleet
          .ask(`holdfast.account.${account}.invoke`, { method: scriptMethod })
          .catch(() => new Promise((resolve) => setTimeout(resolve, callDelayMs)));
      }
    }),
  );

  return {
    crowd,
    callsInFlight: () =>
      dc.ledger
        .rpcs()
        .filter(({ outcome, atMs }) => outcome === "pending" && Date.now() - atMs < 5000).length,
    abandon() {
      calling = false;
      void stopTalking();
    },
    async end(forgetful = false) {
      await stopTalking();
      calling = false;
      await Promise.all(callers);
      dc.phone.removeFault(slowness.id);
      await settled(fleet.database);
      if (forgetful) return judgeByLedger(fleet, crowd);
      const judged = await judge(
        fleet.database,
        accessOf(dc),
        accounts.map(({ account, username }) => ({
          account,
          username,
          tapsAnswered: crowd.turns.filter(
            (turn) => turn.account === account && turn.kind === "tap" && turn.repliedAtMs !== null,
          ).length,
        })),
      );
      return {
        turns: crowd.turns.length,
        overlaps: dc.ledger.overlaps()[fleet.policy],
        duplicated: judged.duplicated,
        lost: judged.lost,
        details: [...judged.details, ...crowd.failures].slice(0, 8),
      };
    },
  };
}

async function judgeByLedger({ dc, accounts, policy }: ChaosFleet, crowd: Crowd): Promise<Verdict> {
  const counts = accounts.map(({ account, username }) => {
    const turns = crowd.turns.filter((turn) => turn.account === account);
    const bot = dc.phone.user(username);
    return { account, turns: turns.length, replies: dc.ledger.messages({ from: bot.id }).length };
  });
  const sum = (pick: (count: (typeof counts)[number]) => number) =>
    counts.reduce((total, count) => total + Math.max(0, pick(count)), 0);
  return {
    turns: crowd.turns.length,
    overlaps: dc.ledger.overlaps()[policy],
    duplicated: sum(({ replies, turns }) => replies - turns),
    // A pressed button is the one event that Telegram does not repeat.
    lost: crowd.turns.filter(({ kind, repliedAtMs }) => kind === "text" && repliedAtMs === null)
      .length,
    details: [...counts.map((count) => JSON.stringify(count)), ...crowd.failures].slice(0, 8),
  };
}
