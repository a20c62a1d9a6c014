import type { tl } from "@mtcute/core";
import { type Writer, writerOf } from "../../ports/telegram/writer.ts";

/** What Telegram's objects tell of users' names and languages. */
export interface KnownWriters {
  meet(user: tl.RawUser): void;
  /** As a field to spread: absent for a user who was not met, and for one who tells nothing. */
  of(userId: number): { readonly from?: Writer };
}

/** @param usersMax remembered at most; the oldest are forgotten */
export function createKnownWriters(usersMax: number): KnownWriters {
  const writers = new Map<number, Writer>();

  return {
    meet({ id, min, firstName, lastName, username, usernames, langCode }) {
      // A `min` user tells less than is known already (https://core.telegram.org/api/min).
      if (min === true && writers.has(id)) return;
      const writer = writerOf({
        name: [firstName, lastName].filter((part) => part !== undefined).join(" "),
        username: username ?? usernames?.find(({ active }) => active)?.username,
        language: langCode,
      });
      writers.delete(id);
      if (writer === undefined) return;
      writers.set(id, writer);
      for (const oldest of writers.keys()) {
        if (writers.size <= usersMax) return;
        writers.delete(oldest);
      }
    },
    of(userId) {
      const from = writers.get(userId);
      return from === undefined ? {} : { from };
    },
  };
}
