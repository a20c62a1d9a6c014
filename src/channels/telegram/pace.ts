import type { AccountKind } from "../../../machines/lifecycle.ts";
import type { ReplyPace } from "../../conversation/outbox/pacing.ts";

/**
 * How fast Telegram lets an account send before it asks for silence. For bots it says so: about one message a second to
 * a chat, with short bursts, and 30 a second in all (https://core.telegram.org/bots/faq). For people's accounts it
 * tells no figures; these are well below what people report.
 */
export const telegramPace: Readonly<Record<AccountKind, ReplyPace>> = {
  bot: { account: { perSecond: 30, burst: 30 }, chat: { perSecond: 1, burst: 20 } },
  user: { account: { perSecond: 5, burst: 20 }, chat: { perSecond: 1, burst: 20 } },
};
