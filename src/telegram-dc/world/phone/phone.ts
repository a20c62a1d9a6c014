import { killKeys } from "../kill-key.ts";
import type { WorldParts } from "../parts.ts";
import { createPhoneAccounts } from "./phone-accounts.ts";
import { toPhoneMessage } from "./phone-messages.ts";
import { createPhoneTalk } from "./phone-talk.ts";
import type { Phone } from "./phone-port.ts";

/** The phone of a world. */
export function createPhone(parts: WorldParts): Phone {
  const { post, faults } = parts;
  return {
    ...createPhoneAccounts(parts),
    ...createPhoneTalk(parts),
    addFault: (spec) => (spec.kind === "kill-key" ? killKeys(parts, spec) : faults.add(spec)),
    removeFault: (id) => faults.remove(id),
    clearFaults() {
      faults.clear();
    },
    faults: () => faults.list(),
    subscribe(listener) {
      const ends = (["message", "edit"] as const).map((kind) =>
        (kind === "message" ? post.delivered : post.edited).subscribe(({ user, message }) => {
          if (message.isOutgoing) return;
          listener({ kind, userId: user.id, message: toPhoneMessage(message) });
        }),
      );
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
