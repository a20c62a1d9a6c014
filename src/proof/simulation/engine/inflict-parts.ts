import type { EngineHost } from "./engine-host.ts";
import type { Operator } from "./engine-operator.ts";
import type { EngineWorld } from "./engine-world.ts";
import { at, type People } from "./people.ts";
import type { PostgresTrouble } from "./sim-postgres.ts";

/** All that a fault may concern. */
export interface Stage {
  readonly world: EngineWorld;
  readonly hosts: readonly EngineHost[];
  readonly people: People;
  readonly operator: Operator;
}

export type Ends = (() => void) | void;

/** Until every retry of something that was refused has come round. */
export const databaseGraceMs = 60_000;

/** The server ails, until what is answered is called. */
export function database({ postgres }: EngineWorld, ailing: PostgresTrouble): () => void {
  postgres.trouble = ailing;
  return () => {
    if (postgres.trouble === ailing) postgres.trouble = null;
  };
}

/** The same for so long, and the judge knows of it. */
export function databaseFor(world: EngineWorld, ailing: PostgresTrouble, lastsMs: number): void {
  const { kernel, judge } = world;
  judge.troubled({ fromMs: kernel.nowMs - 200, untilMs: kernel.nowMs + lastsMs + databaseGraceMs });
  kernel.at(lastsMs, database(world, ailing));
}

/** One of these troubles, by a number in [0, 1). */
export const oneOf = (how: number, kinds: readonly PostgresTrouble["kind"][]): PostgresTrouble => ({
  kind: at(kinds, how),
  share: 1,
});

export const breakWires = ({ messenger }: EngineWorld, account: string): void =>
  messenger.breakWires((wire) => wire.account === account, false);

export const endWires = ({ messenger }: EngineWorld, account: string): void => {
  for (const wire of messenger.wiresOf(account)) wire.onEnded();
};
