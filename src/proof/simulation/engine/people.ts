import type { AccountKind } from "../../../../machines/lifecycle.ts";
import type { Random } from "../random.ts";
import {
  chatFaults,
  type EngineFault,
  type EngineFaultKind,
  faultsFromMs,
  faultsUntilMs,
  userFaults,
} from "./engine-faults.ts";
import type { EngineWorld } from "./engine-world.ts";
import { type Act, textOf } from "./sim-bot.ts";

/** A person who writes to an account. */
export interface Person {
  readonly account: string;
  readonly user: string;
  /** Something of this run concerns this person, or their chat. */
  readonly isAiling: boolean;
}

export interface People {
  readonly accounts: readonly { readonly name: string; readonly kind: AccountKind }[];
  readonly persons: readonly Person[];
  /** Chats that refuse for good at some time. */
  readonly blocked: Set<string>;
  /** Accounts whose pushes get lost for a while. */
  readonly deaf: Set<string>;
  /** Those behind a turn that the database may never end: it is set aside once others end well. */
  readonly stuck: Set<string>;
}

/** Faults of one person or chat; the others concern an account, or everybody. */
const personal: ReadonlySet<EngineFaultKind> = new Set([...chatFaults, ...userFaults]);

export const isPersonal = ({ kind }: EngineFault): boolean => personal.has(kind);

export const at = <Item>(items: readonly Item[], place: number): Item =>
  items[Math.floor(place * items.length)]!;

export function peopleOf(random: Random, faults: readonly EngineFault[]): People {
  const accounts = Array.from({ length: random.whole(1, 2) }, (_, index) => ({
    name: `account-${index + 1}`,
    kind: random.pick<AccountKind>(["bot", "user"]),
  }));
  const count = random.whole(3, 6);
  const ailing = new Set(faults.filter(isPersonal).map(({ whom }) => Math.floor(whom * count)));
  const persons = Array.from({ length: count }, (_, index) => ({
    account: accounts[index % accounts.length]!.name,
    user: String(101 + index),
    isAiling: ailing.has(index),
  }));
  return { accounts, persons, blocked: new Set(), deaf: new Set(), stuck: new Set() };
}

/** A person writes, and the judge hears of it. */
export function say(
  world: EngineWorld,
  people: Pick<People, "deaf" | "stuck">,
  { account, user, isAiling }: Person,
  { act, number, mayPark = [] }: { act: Act; number?: number; mayPark?: readonly string[] },
): void {
  const pushed = !people.deaf.has(account);
  const message = world.messenger.say(account, user, textOf(act, number), pushed);
  world.judge.said({
    account,
    user,
    number: message,
    atMs: world.kernel.nowMs,
    isBystander: !isAiling,
    mayPark,
    mayVanish: people.stuck.has(user),
  });
  world.trace(`${user} writes ${message} to ${account}: ${act} ${number ?? ""}`);
}

/** After the last of them no push is lost: what was lost before is seen by it. */
const lastWordMs = 500;

/** What everybody writes whatever happens. */
export function talk(world: EngineWorld, people: People, random: Random): void {
  const { kernel } = world;
  for (const person of people.persons) {
    const messages = random.whole(2, 5);
    for (let n = 0; n < messages; n += 1) {
      const act = random.pick<Act>(["echo", "echo", "two", "step"]);
      kernel.at(random.whole(faultsFromMs - 2_000, faultsUntilMs), () =>
        say(world, people, person, { act }),
      );
    }
    kernel.at(faultsUntilMs + lastWordMs + random.whole(0, 500), () =>
      say(world, people, person, { act: "echo" }),
    );
  }
}
