import type { EngineFault } from "./engine-faults.ts";
import type { Ends, Stage } from "./inflict-parts.ts";
import { at, say } from "./people.ts";

const goesWithinMs = 1_500;
const turnMsMax = 2_000;

/**
 * NATS goes, and comes back with all, with nothing or with a copy of a while ago. In some of its losses a machine goes
 * with it, or all of them: then Telegram alone has what was on its way.
 */
export function loseStreams(stage: Stage, { kind, how, whom, lastsMs }: EngineFault): Ends {
  const { world, hosts, people } = stage;
  const { kernel, streams } = world;
  const copy = streams.copy();
  const goesMs = kind === "streams-away" ? 0 : Math.min(how * goesWithinMs, lastsMs / 2);
  const alsoEnds = kind === "streams-away" ? 0 : (how * 1000) % 1;
  if (goesMs > 0) {
    const number = Math.floor(((how * 100) % 1) * turnMsMax);
    for (const person of people.persons) say(world, people, person, { act: "slow", number });
  }
  kernel.at(goesMs, () => {
    streams.goAway();
    if (alsoEnds > 0.7) for (const host of hosts) host.kill();
    else if (alsoEnds > 0.3) at(hosts, whom).kill();
  });
  return () => {
    if (kind === "streams-lost") streams.loseAll();
    if (kind === "streams-rolled-back") streams.rollBack(copy);
    streams.comesBack();
  };
}
