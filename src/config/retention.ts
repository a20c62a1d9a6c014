import { type KeptName, keptNames, type RetentionPolicy } from "../ports/retention.ts";
import type { Reader } from "./reader.ts";
import { readDuration } from "./values.ts";

const dayMs = 86_400_000;

interface KeptVariable {
  readonly variable: string;
  readonly days: number;
  readonly meaning: string;
}

/** How long each kind of rows is kept, and by which variable. */
const kept: Readonly<Record<KeptName, KeptVariable>> = {
  turns: {
    variable: "HOLDFAST_KEEP_TURNS",
    days: 365,
    meaning:
      "how long what was said is kept; from 60d on it goes by whole months, so that it may stay a month longer",
  },
  sessions: {
    variable: "HOLDFAST_KEEP_SESSIONS",
    days: 365,
    meaning:
      "how long an ended session is kept once its turns are gone, with what its bot knew of the user",
  },
  replies: {
    variable: "HOLDFAST_KEEP_REPLIES",
    days: 30,
    meaning: "how long a row of the outbox is kept once its reply was sent or given up",
  },
  parked: {
    variable: "HOLDFAST_KEEP_PARKED",
    days: 90,
    meaning: "how long a message is kept that was set aside and can be no turn",
  },
  events: {
    variable: "HOLDFAST_KEEP_EVENTS",
    days: 365,
    meaning: "how long transitions, renewals' steps and gaps of an account are kept",
  },
  keys: {
    variable: "HOLDFAST_KEEP_KEYS",
    days: 90,
    meaning: "how long the encrypted session of an ended key is kept; its row stays",
  },
  ids: {
    variable: "HOLDFAST_KEEP_IDS",
    days: 730,
    meaning:
      "how long a message that took effect is known by its mark, so that it takes none again; no shorter than HOLDFAST_KEEP_TURNS",
  },
};

const forever = "forever";

const readKept = (text: string): ReturnType<typeof readDuration> =>
  text === forever ? { value: Number.POSITIVE_INFINITY } : readDuration(text);

/** Rows of the manual's table. */
export const retentionVariables = keptNames.map((name) => {
  const { variable, days, meaning } = kept[name];
  return {
    name: variable,
    form: `90s, 45m, 12h or 30d, or ${forever}`,
    byDefault: `${days}d`,
    meaning,
  };
});

/** Adds a fault where marks would go before the turns that they belong to, or a reply's row after its text. */
export function readRetention({ read, faults }: Reader): RetentionPolicy {
  const policy = Object.fromEntries(
    keptNames.map((name) => {
      const { variable, days } = kept[name];
      return [name, read(variable, readKept) ?? days * dayMs];
    }),
  ) as Record<KeptName, number>;
  if (policy.ids < policy.turns) {
    faults.push({
      variable: kept.ids.variable,
      problem: `is shorter than ${kept.turns.variable}: a message could take effect twice.`,
      remedy: `Give at least as long as ${kept.turns.variable}.`,
    });
  }
  if (policy.replies > policy.turns) {
    faults.push({
      variable: kept.replies.variable,
      problem: `is longer than ${kept.turns.variable}, where the replies' texts stand.`,
      remedy: `Give at most as long as ${kept.turns.variable}.`,
    });
  }
  return Object.freeze(policy);
}
