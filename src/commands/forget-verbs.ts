import { HoldfastError } from "../errors.ts";
import type { ItemName } from "../ports/conversation/inbound-stream.ts";
import {
  everyPlace,
  type Person,
  type PersonErasure,
  type PersonPlace,
  type PersonRows,
  type StreamWalk,
  type TextSearch,
} from "../ports/conversation/person-erasure.ts";
import { wordPattern } from "../ports/word-forms.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
import { textIn } from "./fields.ts";
import type { FleetProtocol, Handlers } from "./protocol.ts";

/** The verbs about a person who is to be forgotten. */
export type ForgetVerbs = Handlers<FleetProtocol, "forget" | "forget-search">;

export interface ForgetCommandOptions {
  readonly erasure: PersonErasure;
  readonly search: TextSearch;
  readonly streams: StreamWalk;
  /** Tells every node to forget what it remembers of the user. */
  tellForgotten(user: string, places: readonly PersonPlace[]): void;
}

/** Of one answer: well below the time that the one who asks waits. */
const budgetMs = 3_000;

const rowsAt = "rows";
const streamsAt = "streams";

/**
 * Any node's answers. `forget`: erases the next part of what is known of a chat user, first in the streams, then in the
 * database. The order is what makes it whole: a message counts as taken before its row or message goes, so that a turn
 * that has just begun with it is refused, and one that comes again takes no effect. `forget-search`: looks for the
 * user's name through every table and stream.
 */
export function createForgetCommands(options: ForgetCommandOptions): ForgetVerbs {
  const { erasure, search, streams, tellForgotten } = options;

  /** One walk over the streams: `rows` counts messages by their stream. */
  async function eraseInStreams(person: Person, at: string | null, isDryRun: boolean) {
    const rows: Record<string, number> = {};
    const places: PersonPlace[] = [];
    const end = await streams.walk(at, budgetMs, async ({ stream, items }) => {
      const mine = items.filter((item) => item !== null).filter((item) => isOf(person, item));
      if (mine.length === 0) return "leave";
      rows[stream] = (rows[stream] ?? 0) + 1;
      if (isDryRun) return "leave";
      await erasure.take(mine);
      places.push(...mine);
      // One that holds others' items, too, goes when their turns are over.
      return mine.length === items.length ? "erase" : "leave";
    });
    if (places.length > 0) tellForgotten(person.user, places);
    return { rows, at: end };
  }

  async function count(person: Person): Promise<PersonRows> {
    const { rows } = await eraseInStreams(person, null, true);
    return { ...(await erasure.count(person)), ...rows };
  }

  return {
    async forget(body, speaker) {
      const person = personOf(body, speaker);
      if (body.dryRun === true) return { ok: true, rows: await count(person), at: null };
      const [phase = streamsAt, ...place] = typeof body.at === "string" ? body.at.split(" ") : [];
      if (phase !== rowsAt) {
        const from = place.length === 0 ? null : place.join(" ");
        const { rows, at } = await eraseInStreams(person, from, false);
        return { ok: true, rows, at: at === null ? rowsAt : `${streamsAt} ${at}` };
      }
      // Also where the answer gets lost: that part finds nothing when it is asked for again.
      const erasing = erasure.erase(person).finally(() => tellForgotten(person.user, [everyPlace]));
      const { rows, places, isLast } = await erasing;
      tellForgotten(person.user, places);
      return { ok: true, rows, at: isLast ? null : rowsAt };
    },
    async "forget-search"(body) {
      const user = textIn(body, "user");
      const [phase = rowsAt, ...rest] = typeof body.at === "string" ? body.at.split(" ") : [];
      const from = rest.length === 0 ? null : rest.join(" ");
      const pattern = wordPattern(user);
      if (pattern === null) throw nameTooShort();
      if (phase === rowsAt) {
        const { found, at } = await search.search(user, from, budgetMs);
        return { ok: true, found, at: at === null ? streamsAt : `${rowsAt} ${at}` };
      }
      const form = new RegExp(pattern);
      const found: Record<string, number> = {};
      const at = await streams.walk(from, budgetMs, async ({ stream, text }) => {
        if (form.test(text)) found[stream] = (found[stream] ?? 0) + 1;
        return "leave";
      });
      return { ok: true, found, at: at === null ? null : `${streamsAt} ${at}` };
    },
  };
}

function personOf(
  body: { readonly user?: unknown; readonly account?: unknown; readonly channel?: unknown },
  speaker: Speaker,
): Person {
  const { account, channel } = body;
  const named = typeof account === "string" ? account : null;
  if (named !== null && !mayName(speaker, named)) throw accountNotYours(speaker, named);
  return {
    user: textIn(body, "user"),
    accounts: named === null ? speaker.accounts : [named],
    channel: typeof channel === "string" ? channel : null,
  };
}

const isOf = ({ user, accounts, channel }: Person, item: ItemName): boolean =>
  item.chatUser === user &&
  (accounts === "all" || accounts.includes(item.account)) &&
  (channel === null || item.channel === channel);

const nameTooShort = () =>
  new HoldfastError({
    code: "NAME_TOO_SHORT",
    message:
      "The user's name is shorter than five characters, and stands by chance in many texts; nothing was looked for.",
    next: "See that nothing is left under the name: npx holdfast forget <user> --dry-run",
  });
