import type { Channels } from "../channels/all-channels.ts";
import type { BotSeat, TurnRunOptions } from "../conversation/turns/run-options.ts";
import type { NodeBots } from "./bots.ts";

export interface SeatsOptions {
  readonly channels: Pick<Channels, "names" | "placeOf">;
  readonly bots: Pick<NodeBots, "answering">;
  /** Reads the fleet's accounts anew. Rejects as the store. */
  learn(): Promise<void>;
}

/**
 * The bot of each message's account, and its place there. An account that this host does not know may have been added
 * on another one just now, and the news of it lost: the database is asked before a message is set aside for that.
 */
export function createSeats({ channels, bots, learn }: SeatsOptions): TurnRunOptions["findBot"] {
  type Asked = Parameters<TurnRunOptions["findBot"]>[0];

  function seatOf(of: Asked): BotSeat | null | Promise<BotSeat> {
    const place = channels.placeOf(of);
    if (place === null) return null;
    const bot = bots.answering(of);
    return bot instanceof Promise
      ? bot.then((loaded) => ({ ...place, bot: loaded }))
      : { bot, style: place.style, sentBy: place.sentBy };
  }

  return (of) => {
    if (!channels.names.includes(of.channel)) return "elsewhere";
    return seatOf(of) ?? learn().then(() => seatOf(of));
  };
}
