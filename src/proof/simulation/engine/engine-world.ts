import { tokenMachine, tokenRules } from "../../../../machines/token.ts";
import { sessionRules } from "../../../node/rules.ts";
import type { GrantRef } from "../../../ports/custody/gate.ts";
import type { Kernel } from "../kernel.ts";
import { createSimBus, type SimBus } from "../sim-bus.ts";
import { createSimStore, type SimStore } from "../sim-store.ts";
import { type CoverageBook, createCoverageBook } from "./coverage.ts";
import { createFleetMemory, type FleetMemory } from "./fleet-memory.ts";
import { createEngineJudge, type EngineJudge } from "./engine-judge.ts";
import { type AccountTables, createAccountTables } from "./account-tables.ts";
import { createCursorTables, type CursorTables } from "./sim-cursors.ts";
import { createSimMessenger, type SimMessenger } from "./sim-messenger.ts";
import { createSimPostgres, type SimPostgres } from "./sim-postgres.ts";
import { createSimStreams, type SimStreams } from "./sim-stream.ts";
import type { BacklogTable, ParkedTable, StepTable } from "./sim-turn-records.ts";
import { createTurnTables, type TurnTables } from "./turn-tables.ts";

/** A host that serves, as the others see it. */
export interface Member {
  readonly name: string;
  readonly incarnation: string;
  /** It takes accounts and turns. One that leaves is there until it has ended. */
  readonly serving: boolean;
}

/** The fleet's servers, with all that they remember, and the judge. */
export interface EngineWorld {
  readonly kernel: Kernel;
  readonly postgres: SimPostgres;
  readonly streams: SimStreams;
  readonly messenger: SimMessenger;
  readonly bus: SimBus;
  readonly tokens: SimStore;
  readonly turns: TurnTables;
  readonly backlog: BacklogTable;
  readonly parked: ParkedTable;
  readonly steps: StepTable;
  readonly cursors: CursorTables;
  readonly accounts: AccountTables;
  readonly judge: EngineJudge;
  readonly coverage: CoverageBook;
  /** The hosts whose leases stand. */
  readonly members: Map<string, Member>;
  readonly memberListeners: Set<() => void>;
  readonly fleet: FleetMemory;
  mayWrite(grant: GrantRef): boolean;
  newId(prefix: string): string;
  trace(line: string): void;
}

const fenceTimeoutMs = 1000;
const rules = tokenRules(tokenMachine);

export function createEngineWorld(kernel: Kernel, trace: (line: string) => void): EngineWorld {
  const nowMs = () => kernel.nowMs;
  const tokens = createSimStore(kernel, fenceTimeoutMs, rules, () => {});
  const judge = createEngineJudge(nowMs, () => messenger);
  const messenger: SimMessenger = createSimMessenger(kernel, {
    onUnderWait: (account, method) =>
      judge.broke({
        invariant: "waits",
        message: `${account} called ${method} under a wait that it knew`,
      }),
    onArrival: judge.arrived,
    onLoggedOut: judge.loggedOut,
    onOverlap: (account, keyId) =>
      judge.broke({ invariant: "keys", message: `two hosts use the key ${keyId} of ${account}` }),
  });
  let lastId = 0;
  return {
    kernel,
    postgres: createSimPostgres(kernel),
    streams: createSimStreams(kernel),
    messenger,
    bus: createSimBus(kernel, fenceTimeoutMs),
    tokens,
    turns: createTurnTables(sessionRules, nowMs),
    backlog: new Map(),
    parked: new Map(),
    steps: new Map(),
    cursors: createCursorTables(),
    accounts: createAccountTables(),
    judge,
    coverage: createCoverageBook(nowMs),
    members: new Map(),
    memberListeners: new Set(),
    fleet: createFleetMemory(kernel, fenceTimeoutMs),
    mayWrite({ account, slot, epoch }) {
      const token = tokens.token({ account, slot });
      return token?.epoch === epoch && rules.writing.includes(token.state);
    },
    newId(prefix) {
      lastId += 1;
      return `${prefix}-${lastId}`;
    },
    trace,
  };
}
