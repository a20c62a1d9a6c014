import { createKernel } from "../kernel.ts";
import { createRandom } from "../random.ts";
import { createEngineHost, type EngineHost, stateOf } from "./engine-host.ts";
import type { Ending, EngineViolation } from "./judge-terms.ts";
import { type EngineFault, faultsUntilMs, makeEngineFaults } from "./engine-faults.ts";
import type { Coverage } from "./coverage.ts";
import { createOperator } from "./engine-operator.ts";
import { createEngineWorld, type EngineWorld } from "./engine-world.ts";
import { inflict } from "./inflict.ts";
import { type People, peopleOf, talk } from "./people.ts";

export interface EngineRun {
  readonly seed: number;
  readonly violation: (EngineViolation & { readonly atMs: number }) | null;
  readonly faults: readonly EngineFault[];
  readonly steps: number;
  /** Replies that have arrived. */
  readonly answered: number;
  /** Faults that came while turns or replies were open. */
  readonly underLoad: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly coverage: Coverage;
  /** From the last fault until everything had its end, in milliseconds of virtual time. */
  readonly recoveredMs: number | null;
}

export interface EngineRunOptions {
  readonly seed: number;
  /** By default those that follow from the seed. */
  readonly faults?: readonly EngineFault[];
  readonly trace?: (line: string) => void;
}

/** Whatever was wrong, it is over so long after the last fault: the longest rest, and a handler that never ends. */
const endMsMax = 2_500_000;
const lookMs = 2_000;
/** What was done last has its consequences within this. */
const settleMs = 20_000;

/** Runs the whole engine from its start through its faults until all has its end. The same seed gives the same run. */
export async function runEngine(options: EngineRunOptions): Promise<EngineRun> {
  const { seed, trace = () => {} } = options;
  const plan = createRandom(seed);
  const faults = options.faults ?? makeEngineFaults(plan.fork());
  const kernel = createKernel(createRandom(seed ^ 0xe11e));
  const world = createEngineWorld(kernel, (line) =>
    trace(`${(kernel.nowMs / 1000).toFixed(3).padStart(9)} s ${line}`),
  );
  const people = peopleOf(plan.fork(), faults);
  addAccounts(world, people);
  const hosts = Array.from({ length: plan.whole(1, 2) }, (_, index) =>
    createEngineHost(world, `h${index + 1}`),
  );
  for (const host of hosts) kernel.at(kernel.random.next() * 500, host.start);
  talk(world, people, plan.fork());
  const operator = createOperator(world);
  for (const fault of faults) inflict({ world, hosts, people, operator }, fault);

  const isBroken = () => world.judge.violation !== null;
  await kernel.run(faultsUntilMs + settleMs, isBroken);
  while (!isBroken() && kernel.nowMs < endMsMax && !isOver(world, hosts)) {
    await kernel.run(kernel.nowMs + lookMs, isBroken);
  }
  const recoveredMs = isOver(world, hosts) ? kernel.nowMs - faultsUntilMs : null;
  if (!isBroken()) judgeEnd(world, hosts, people);
  const { violation, counts } = world.judge;
  return {
    seed,
    violation,
    faults,
    steps: kernel.steps,
    answered: counts.replies,
    underLoad: world.judge.underLoad,
    counts: { ...counts, statements: world.postgres.statements },
    coverage: coverageOf(world),
    recoveredMs,
  };
}

function coverageOf({ coverage, accounts }: EngineWorld): Coverage {
  for (const { renewal, step, atMs } of accounts.steps) {
    if (step !== "requested") continue;
    const end = accounts.steps.find(
      (one) => one.renewal === renewal && (one.step === "verified" || one.step === "aborted"),
    );
    coverage.renews(atMs, end?.atMs ?? null);
  }
  return coverage.found;
}

function addAccounts(world: EngineWorld, { accounts }: People): void {
  for (const { name, kind } of accounts) {
    const { account, key } = world.messenger.addAccount(name, kind);
    const session = Buffer.from(key.id);
    world.tokens.addToken({ account: name, slot: 1, keyId: key.id });
    world.accounts.accounts.set(name, {
      name,
      kind,
      telegramUserId: account.userId,
      servingSlot: 1,
      state: "unauthorised",
      reason: null,
      coolingUntilMs: null,
      slots: new Map([[1, { slot: 1, state: "SERVING", keyId: key.id, session }]]),
    });
  }
}

/** What was set aside, and what was given up. */
function endingsOf({ parked, turns }: EngineWorld): Pick<Ending, "parked" | "refused"> {
  return {
    parked: [...parked.values()].flatMap(({ item, code }) =>
      item === null
        ? []
        : [{ account: item.account, number: Number(item.inboundId.slice(2)), code }],
    ),
    refused: turns.givenUp.map(({ account, chatUser, body }) => ({
      account,
      user: chatUser,
      text: body,
    })),
  };
}

/** Nothing waits for anything: every message and reply has its end, every account serves with its one key. */
function isOver(world: EngineWorld, hosts: readonly EngineHost[]): boolean {
  const { judge, turns, accounts, messenger } = world;
  if (turns.unsent.size > 0 || !judge.isOver(endingsOf(world))) return false;
  return [...accounts.accounts.keys()].every((name) => {
    const keys = [...messenger.keys.values()].filter((key) => key.account === name);
    const good = keys.filter((key) => key.state === "authorised").length;
    return stateOf(hosts, name).startsWith("active") && good === 1;
  });
}

function judgeEnd(world: EngineWorld, hosts: readonly EngineHost[], { blocked }: People): void {
  const { accounts, judge } = world;
  judge.end({
    ...endingsOf(world),
    blocked,
    serving: [...accounts.accounts.values()].map(({ name, servingSlot, slots }) => ({
      account: name,
      state: stateOf(hosts, name),
      keyId: slots.get(servingSlot ?? 0)?.keyId ?? null,
    })),
  });
}
