import { expect } from "vitest";
import { type lifecycleMachine, lifecycleStateName } from "../../machines/lifecycle.ts";
import { causeEvent, strangerGivesBack } from "./lifecycle-causes.ts";
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
 * Takes an account of the real runtime along a path of its machine. Each event is brought about in the world;
 * after each, the account must have published the model's transition and be where the model is.
 */
export async function runLifecyclePath(
  stage: Stage,
  { input, initial, steps }: LifecyclePath,
  { change = (world) => world, stepMsMax = 10_000 }: RunOptions = {},
): Promise<void> {
  const scene = await openScene(stage, input, change);
  try {
    await scene.account.start();
    await arrive(scene, { event: "start", state: lifecycleStateName(initial.value), stepMsMax });
    await judge(scene, initial);
    for (const [index, step] of steps.entries()) {
      await takeStep(scene, step, stepMsMax).catch((cause: unknown) => {
        throw new Error(`step ${index + 1} of ${nameOf(steps)}: ${messageOf(cause)}`, { cause });
      });
    }
    await comeToRest(scene, stepMsMax);
  } finally {
    await leave(scene);
  }
}

export const nameOf = (steps: LifecyclePath["steps"]): string =>
  steps.map(({ event }) => event.type).join(" → ");

async function takeStep(
  scene: Scene,
  { event, after, asks }: Step<typeof lifecycleMachine>,
  stepMsMax: number,
): Promise<void> {
  const { held, undo } = scene;
  const workBefore = held.waiting;
  const state = lifecycleStateName(after.value);
  await causeEvent(scene, event);
  await arrive(scene, { event: event.type, state, stepMsMax });
  // A state that was left, or entered anew, no longer counts what its earlier work finds out, late as it is.
  const entered = asks.length > 0 || scene.account.runtime.snapshot.status !== "active";
  if (entered) for (const call of workBefore) call.goOn();
  for (const back of undo.splice(0)) await back();
  if (entered) await within(stepMsMax, `the work of ${state}`, held.reached(state, workBefore));
  await judge(scene, after);
}

interface Arrival {
  readonly event: string;
  readonly state: string;
  readonly stepMsMax: number;
}

async function arrive(scene: Scene, { event, state, stepMsMax }: Arrival): Promise<void> {
  const seen = await scene.transitions.next(`${event} to ${state}`, stepMsMax);
  expect(`${seen.event} to ${seen.to}`).toBe(`${event} to ${state}`);
}

/** From wherever the path has led, a stop ends everything and leaves no token behind. */
async function comeToRest(scene: Scene, stepMsMax: number): Promise<void> {
  const { account, bench, held } = scene;
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
