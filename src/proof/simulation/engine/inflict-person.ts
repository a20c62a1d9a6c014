import { database, databaseGraceMs, type Ends, type Stage } from "./inflict-parts.ts";
import type { EngineFault } from "./engine-faults.ts";
import { type Person, say } from "./people.ts";
import type { ChatMood } from "./sim-messenger.ts";

const burstMin = 8;
const burstMax = 32;
const burstEveryMs = 25;
const chatGraceS = 20;

/** What goes wrong for one person. */
export function trouble(
  { world, people, operator }: Stage,
  person: Person,
  { kind, how, lastsMs }: EngineFault,
): Ends {
  const { kernel, messenger } = world;
  const { user } = person;
  const speak = (of: Parameters<typeof say>[3]) => say(world, people, person, of);
  const mood = (of: ChatMood): Ends => {
    messenger.moods.set(user, of);
    for (let n = 0; n < 1 + how * 4; n += 1) kernel.at(n * 300, () => speak({ act: "two" }));
    return () => void messenger.moods.delete(user);
  };

  switch (kind) {
    case "chat-failing":
      return mood("failing");
    case "chat-slow":
      return mood("slow");
    case "chat-unknown":
      return mood("unknown");
    case "chat-blocked":
      people.blocked.add(user);
      return mood("blocked");
    case "chat-waits":
      messenger.order(person.account, "messages.sendMessage", `user ${user}`, chatGraceS * 1000);
      return speak({ act: "two" });
    case "burst":
      for (let n = 0; n < burstMin + how * burstMax; n += 1) {
        kernel.at(n * burstEveryMs, () =>
          speak({ act: "slow", number: 200 + Math.floor(how * 800) }),
        );
      }
      return;
    case "slow-turns":
      return speak({ act: "slow", number: 1_000 + Math.floor(how * 20_000) });
    case "poison":
      return speak({ act: "throw", mayPark: ["UNEXPECTED"] });
    case "retries":
      return speak({ act: "retry", number: kernel.nowMs + lastsMs });
    case "late":
      return speak({ act: "late", number: 61_000 + Math.floor(how * 30_000) });
    case "never":
      return speak({ act: "never", mayPark: ["BOT_HANGS"] });
    case "steps":
      for (let n = 0; n < 3; n += 1) kernel.at(n * 100, () => speak({ act: "step" }));
      return;
    case "escalates":
      speak({ act: "escalate" });
      kernel.at(500, () => speak({ act: "echo" }));
      return () => {
        void operator.giveSessionBack(person.account, user);
        speak({ act: "echo" });
      };
    case "forget":
      for (let n = 0; n < 1 + how * 4; n += 1) kernel.at(n * 50, () => speak({ act: "step" }));
      kernel.at(how * 400, () => void operator.forgetPerson(user));
      return kernel.at(600, () => speak({ act: "two" }));
    case "ends":
      speak({ act: "end" });
      return kernel.at(400, () => speak({ act: "echo" }));
    case "unwritable":
      people.stuck.add(user);
      world.judge.excuse((said) => said.user === user);
      speak({ act: "unwritable", mayPark: ["TURN_UNWRITABLE"] });
      for (const other of people.persons) {
        if (other.user !== user) say(world, people, other, { act: "echo" });
      }
      return;
    case "parking-fails": {
      world.judge.troubled({
        fromMs: kernel.nowMs,
        untilMs: kernel.nowMs + lastsMs + databaseGraceMs,
      });
      const undo = database(world, { kind: "no-parking", share: 1 });
      speak({ act: "throw", mayPark: ["UNEXPECTED"] });
      return undo;
    }
    default:
      return;
  }
}
