import { createForgetCommands } from "../../../commands/forget-verbs.ts";
import { wait } from "../../../concurrency/wait.ts";
import type { Speaker } from "../../../ports/speaker.ts";
import { createLink } from "../link.ts";
import type { EngineWorld } from "./engine-world.ts";
import { moveSession } from "./sim-conversations.ts";
import { createSimErasure, createSimWalk, retain } from "./sim-erasure.ts";
import { userKey } from "./turn-tables.ts";

/** A person at the fleet, and the jobs that nobody waits for. Types again what was refused. */
export interface Operator {
  /** `holdfast forget`. Never rejects. */
  forgetPerson(user: string): Promise<void>;
  /** A session that waits for a person goes back to the bot. Never rejects. */
  giveSessionBack(account: string, chatUser: string): Promise<void>;
  /** The retention job, for what is older than `keptMs`. */
  retain(keptMs: number): void;
}

const againMs = 1_000;
const speaker: Speaker = { name: "operator", role: "owner", key: "", accounts: "all" };

export function createOperator(world: EngineWorld): Operator {
  const { kernel, judge, coverage } = world;
  const process = kernel.spawn("operator", 1);
  const ask = world.postgres.connect({ process, onStatement: () => "goes-on" });
  const bus = world.bus.view({ from: process, link: createLink() });
  const { forget } = createForgetCommands({
    erasure: {
      ...createSimErasure(world, ask, { taken: judge.takenAway, erased: judge.erased }),
      count: () => Promise.reject(new Error("nothing is counted here")),
    },
    search: { search: () => Promise.reject(new Error("nothing is searched here")) },
    streams: createSimWalk(world.streams),
    tellForgotten(chatUser, places) {
      for (const { channel, account } of places) {
        bus.tell({ type: "forgotten", channel, account, chatUser });
      }
    },
  });

  async function untilDone<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work();
      } catch {
        await wait(process.clock, againMs);
      }
    }
  }

  return {
    /** Never rejects. */
    async forgetPerson(user) {
      const end = coverage.begins("forget");
      let at: string | null = "streams";
      while (at !== null) {
        const body: { readonly user: string; readonly at: string } = { user, at };
        const answer: { readonly at: string | null } = await untilDone(() => forget(body, speaker));
        at = answer.at;
      }
      end();
    },
    /** Never rejects. */
    async giveSessionBack(account, chatUser) {
      const user = userKey({ channel: "telegram", account, chatUser });
      await untilDone(() =>
        ask(() => {
          const session = world.turns.open.get(user);
          if (session === undefined) return;
          moveSession(world.turns, session.id, "resolve");
          coverage.isBack(session.id);
        }),
      );
    },
    retain(keptMs) {
      coverage.begins("retention")();
      retain(world.turns, world.accounts, keptMs);
    },
  };
}
