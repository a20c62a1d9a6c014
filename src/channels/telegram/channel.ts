import type { AccountKind } from "../../../machines/lifecycle.ts";
import { menuStyleOf } from "../../conversation/turns/menu.ts";
import type { ServedChannel } from "../all-channels.ts";

/** Telegram: every account that this node knows; `kindOf` answers null for any other. */
export const telegramChannel = (
  kindOf: (account: string) => AccountKind | null,
): ServedChannel => ({
  name: "telegram",
  styleOf(account) {
    const kind = kindOf(account);
    return kind === null ? null : menuStyleOf(kind);
  },
  makeSender: null,
});
