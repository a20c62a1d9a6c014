import type { WebhookRequests } from "../../ports/conversation/webhook-requests.ts";
import type { Database } from "./database.ts";

const noteRequest = `
  insert into webhook_requests (digest, inbound_id) values (decode($1, 'hex'), $2)
  on conflict (digest) do update set inbound_id = webhook_requests.inbound_id
  returning inbound_id`;

export function createWebhookRequests(database: Database): WebhookRequests {
  return {
    async firstId(digest, inboundId) {
      const [row] = await database.query<{ inbound_id: string }>(noteRequest, [digest, inboundId]);
      return row!.inbound_id;
    },
  };
}
