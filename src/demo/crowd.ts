import type { PhoneReply, PhoneUser } from "./phone-user.ts";

/** One turn as the people saw it; `repliedAtMs` is null while it waits, or when no reply came. */
export interface SeenTurn {
  readonly account: string;
  readonly sentAtMs: number;
  repliedAtMs: number | null;
  readonly wrong: string | null;
  readonly kind: "text" | "tap";
}

/** People who walk through the site manager, over and over, until told to stop. */
export interface Crowd {
  readonly turns: readonly SeenTurn[];
  /** Begins to talk. The returned function lets every walk end, and resolves then. */
  talk(): () => Promise<void>;
  /** Resolves once `enough` holds; checks it after each turn. */
  until(enough: (turns: readonly SeenTurn[]) => boolean): Promise<void>;
  readonly failures: readonly string[];
}

export interface CrowdMember {
  readonly user: PhoneUser;
  readonly account: string;
  readonly buttons: boolean;
}

const greeting = "Bonjour";
const site = "Champigny";

/** @param thinkMs Each person's pause before a turn, in milliseconds. */
export function createCrowd(members: readonly CrowdMember[], thinkMs = 0): Crowd {
  const turns: SeenTurn[] = [];
  const failures: string[] = [];
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of watchers) watcher();
  };

  async function take(
    { account }: CrowdMember,
    kind: SeenTurn["kind"],
    expected: string,
    act: () => Promise<PhoneReply>,
  ): Promise<PhoneReply> {
    if (thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, thinkMs));
    const seen: { -readonly [K in keyof SeenTurn]: SeenTurn[K] } = {
      account,
      sentAtMs: Date.now(),
      repliedAtMs: null,
      wrong: null,
      kind,
    };
    turns.push(seen);
    try {
      const reply = await act();
      seen.repliedAtMs = reply.repliedAtMs;
      if (![reply.text, ...reply.labels].some((text) => text.includes(expected))) {
        seen.wrong = reply.text;
        failures.push(`expected "${expected}", got "${reply.text.slice(0, 80)}"`);
      }
      return reply;
    } finally {
      tell();
    }
  }

  async function walk(member: CrowdMember): Promise<void> {
    const { user, buttons } = member;
    const pick = (reply: PhoneReply, label: string) =>
      buttons ? user.press(labelLike(reply, label)) : user.say(numberOf(reply, label));
    const kind = buttons ? "tap" : "text";
    const greeted = await take(member, "text", greeting, () => user.say(greeting));
    const sites = await take(member, kind, site, () => pick(greeted, "View Sites"));
    await take(member, kind, `Tasks of ${site}`, () => pick(sites, site));
  }

  return {
    turns,
    failures,
    talk() {
      let going = true;
      const all = members.map(async (member) => {
        while (going) {
          await walk(member).catch((error: unknown) => {
            failures.push(error instanceof Error ? error.message : String(error));
            if (failures.length >= members.length) going = false;
          });
        }
      });
      return async () => {
        going = false;
        await Promise.all(all);
      };
    },
    until: (enough) =>
      new Promise((resolve) => {
        const look = () => {
          if (!enough(turns) && failures.length < members.length) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

function labelLike({ labels }: PhoneReply, wanted: string): string {
  return labels.find((label) => label.includes(wanted)) ?? wanted;
}

/** "2" for the line "2. Champigny". */
function numberOf({ text }: PhoneReply, wanted: string): string {
  const line = text.split("\n").find((candidate) => candidate.includes(wanted));
  return /^\d+/.exec(line ?? "")?.[0] ?? wanted;
}
