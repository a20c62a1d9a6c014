import { expect } from "vitest";
import { type lifecycleMachine, lifecycleStateName } from "../../machines/lifecycle.ts";
import { causeEvent, floodMs, strangerGivesBack } from "./lifecycle-causes.ts";
import { judge, judgeRest } from "./lifecycle-judge.ts";
import { type ChangeWorld, openScene, type Scene, type Stage } from "./lifecycle-scene.ts";
import type { Path, Step } from "./paths.ts";

export type LifecyclePath = Path<typeof lifecycleMachine>;

export interface RunOptions {
  /** Replaces parts of the account's world: how a wrongly wired adapter is planted. */
  readonly change?: ChangeWorld;
  /** Longer than any step takes on a busy machine. */
  readonly stepMsMax?: number;
}

/**
 * Takes an account of the real runtime along a path of its machine. Brings each event about in the
 * world. After each, the account must have published the model's transition and be in the model's
 * state.
 */
export async function runLifecyclePath(
  stage: Stage,
  { input, initial, steps }: LifecyclePath,
  { change = (world) => world, stepMsMax = 10_000 }: RunOptions = {},
): Promise<void> {
  const scene = await openScene(stage, input, { change, stepMsMax });
  try {
    await scene.account.start();
    await arrive(scene, "start", lifecycleStateName(initial.value));
    await judge(scene, initial);
    for (const [index, step] of steps.entries()) {
      await takeStep(scene, step).catch((cause: unknown) => {
        throw new Error(`step ${index + 1} of ${nameOf(steps)}: ${messageOf(cause)}`, { cause });
      });
    }
    await comeToRest(scene);
  } finally {
    await leave(scene);
  }
}

const ofTheConnection: ReadonlySet<string> = new Set(["client.lost", "token.lost", "key.dead"]);
const beforeServing: ReadonlySet<string> = new Set(["seeking", "connecting", "restarting"]);

/**
 * Whether the world can bring about each event of a path. It cannot bring about an event that the
 * machine refuses, nor one that only a serving client would find out where none serves.
 */
export function canBeCaused({ initial, steps }: LifecyclePath): boolean {
  const befores = [initial, ...steps.map(({ after }) => after)];
  return steps.every(({ event }, index) => {
    const before = befores[index] ?? initial;
    if (!before.can(event)) return false;
    // The silence ends by itself before any of the work that a renewal waits for.
    const isPreparing = lifecycleStateName(before.value) === "active.preparing";
    if (isPreparing && before.context.silenced && event.type !== "cooled") return false;
    if (!ofTheConnection.has(event.type)) return true;
    return before.context.serving || beforeServing.has(lifecycleStateName(before.value));
  });
}

export const nameOf = (steps: LifecyclePath["steps"]): string =>
  steps.map(({ event }) => event.type).join(" → ");

async function takeStep(
  scene: Scene,
  { event, after, asks }: Step<typeof lifecycleMachine>,
): Promise<void> {
  const { held, undo, stepMsMax } = scene;
  const workBefore = held.waiting;
  const before = scene.account.runtime.state;
  const state = lifecycleStateName(after.value);
  await within(stepMsMax, `the cause of ${event.type}`, causeEvent(scene, event));
  await arrive(scene, event.type, state);
  held.letPass(null);
  // A state that was left, or entered anew, ignores the late results of its earlier work.
  const entered =
    before !== state ||
    asks.some(({ type }) => type === "startBound") ||
    scene.account.runtime.snapshot.status !== "active";
  if (entered) for (const call of workBefore) call.goOn();
  for (const back of undo.splice(0)) await back();
  if (entered) await within(stepMsMax, `the work of ${state}`, held.reached(state, workBefore));
  await judge(scene, after);
  // The silence that Telegram asked for ends meanwhile; it would go on wherever the account serves next.
  if (
    before === "cooling" &&
    event.type !== "cooled" &&
    event.type !== "stop" &&
    before !== state
  ) {
    scene.bench.clock.advance(floodMs);
  }
}

async function arrive(scene: Scene, event: string, state: string): Promise<void> {
  const seen = await scene.transitions.next(`${event} to ${state}`, scene.stepMsMax);
  expect(`${seen.event} to ${seen.to}`).toBe(`${event} to ${state}`);
}

/** From wherever the path has led, a stop ends everything and leaves no token behind. */
async function comeToRest(scene: Scene): Promise<void> {
  const { account, bench, held, stepMsMax } = scene;
  held.end();
  bench.dc.phone.clearFaults();
  await strangerGivesBack(scene);
  const { state } = account.runtime;
  if (state !== "stopped") await within(stepMsMax, `a stop from ${state}`, account.stop());
  await judgeRest(scene);
}

async function leave({ account, held, transitions, bench, world }: Scene): Promise<void> {
  held.end();
  bench.dc.phone.clearFaults();
  account.runtime.abandon();
  transitions.close();
  for (const token of await bench.tokens.heldBy(bench.incarnation)) {
    if (token.account === account.name) await world.gate.cut(token);
  }
}

function within<T>(waitMs: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`${what} did not end within ${waitMs} ms`));
    const timer = setTimeout(late, waitMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);
