import type { tl } from "@mtcute/core";
import type { UnusualSender } from "../../ports/telegram/telegram.ts";

/** The users that are no persons beside the account's own, as Telegram's objects tell of them. */
export interface UnusualSenders {
  meet(user: tl.RawUser): void;
  /** As a field to spread: absent for a person, and for a user who was not met. */
  of(userId: number): { readonly sender?: UnusualSender };
  isDeleted(userId: number): boolean;
}

/** @param usersMax remembered at most; the oldest are forgotten */
export function createUnusualSenders(usersMax: number): UnusualSenders {
  const unusual = new Map<number, UnusualSender>();

  return {
    meet(user) {
      const sender = unusualSender(user);
      unusual.delete(user.id);
      if (sender !== null) unusual.set(user.id, sender);
      for (const id of unusual.keys()) {
        if (unusual.size <= usersMax) return;
        unusual.delete(id);
      }
    },
    of(userId) {
      const sender = unusual.get(userId);
      return sender === undefined ? {} : { sender };
    },
    isDeleted: (userId) => unusual.get(userId) === "deleted",
  };
}

function unusualSender({ self, bot, deleted }: tl.RawUser): UnusualSender | null {
  if (self === true) return "self";
  if (deleted === true) return "deleted";
  return bot === true ? "bot" : null;
}
