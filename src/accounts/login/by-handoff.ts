import { refused } from "../../ports/telegram/telegram-error.ts";
import type { SignInParts } from "./sign-in-parts.ts";

/**
 * The serving session accepts the login token of the new key. Rejects with HANDOFF_REFUSED where that changed
 * nothing.
 */
export async function byHandoff({ client, approve }: SignInParts): Promise<void> {
  const shown = await client.loginToken();
  if (shown === null) return;
  await approve(shown.token);
  if ((await client.loginToken()) === null) return;
  throw refused("HANDOFF_REFUSED", "Telegram took the approval and still does not let the key in");
}
