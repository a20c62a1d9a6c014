import type { StoredPeers } from "../../ports/conversation/stored-peers.ts";
import type { Database } from "./database.ts";

/** The newest reply to the user has the address; retention keeps that of an open session. */
const newestAddress = `
  select o.address ->> 'accessHash' as "accessHash" from conversation_sessions h
    join outbox o on o.session_id = h.id
  where h.channel = 'telegram' and h.account = $1 and h.chat_user = $2
  order by h.id desc, o.seq desc limit 1`;

export function createStoredPeers(database: Database): StoredPeers {
  return {
    async accessHash(account, userId) {
      const [row] = await database.query<{ accessHash: string | null }>(newestAddress, [
        account,
        userId,
      ]);
      return row?.accessHash ?? null;
    },
  };
}
