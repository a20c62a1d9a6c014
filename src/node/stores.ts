import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Sealer } from "../adapters/crypto/sealing.ts";
import { connectNats } from "../adapters/nats/connection.ts";
import { createAccountStore } from "../adapters/postgres/account-store.ts";
import { createAuditTrail } from "../adapters/postgres/audit-trail.ts";
import { createCallerStore } from "../adapters/postgres/caller-store.ts";
import { createCampaignStore } from "../adapters/postgres/campaign-store.ts";
import { createConversationStore } from "../adapters/postgres/conversation-store.ts";
import { createConversationRecords } from "../adapters/postgres/conversation-records.ts";
import { createCursorStore } from "../adapters/postgres/cursor-store.ts";
import { createIncarnationStore } from "../adapters/postgres/incarnation-store.ts";
import { type Database, openDatabase } from "../adapters/postgres/database.ts";
import { createLedgerStore } from "../adapters/postgres/ledger-store.ts";
import { createOutboxStore, createPartitionReplies } from "../adapters/postgres/outbox-store.ts";
import { createStepStore } from "../adapters/postgres/step-store.ts";
import { createTokenStore } from "../adapters/postgres/token-store.ts";
import { createUndeliveredReplies } from "../adapters/postgres/undelivered-replies.ts";
import { createWebhookRequests } from "../adapters/postgres/webhook-requests.ts";
import type { Config } from "../config/config.ts";
import { HoldfastError } from "../errors.ts";
import { custodyRules, sessionRules } from "./rules.ts";

/** Everything that this node keeps in Postgres. */
export type Stores = ReturnType<typeof createStores>;

/** Throws CONFIG_INVALID without an address. */
export const openNodeDatabase = ({ databaseUrl }: Pick<Config, "databaseUrl">): Database =>
  openDatabase(required(databaseUrl, "HOLDFAST_DATABASE_URL"));

/** Throws CONFIG_INVALID without an address. */
export const openNodeNats = (
  { natsUrl, natsIdentity }: Pick<Config, "natsUrl" | "natsIdentity">,
  host: string,
): Promise<NatsConnection> =>
  connectNats({ ...natsIdentity, url: required(natsUrl, "HOLDFAST_NATS_URL") }, `node ${host}`);

export function createStores(database: Database, sealer: Sealer) {
  return {
    accounts: createAccountStore(database, sealer, custodyRules),
    tokens: createTokenStore(database, custodyRules),
    incarnations: createIncarnationStore(database, custodyRules),
    ledger: createLedgerStore(database),
    cursors: createCursorStore(database, custodyRules),
    conversations: createConversationStore(database, { rules: sessionRules, tokens: custodyRules }),
    records: createConversationRecords(database, sessionRules),
    steps: createStepStore(database),
    outbox: createOutboxStore(database, custodyRules),
    partitionReplies: createPartitionReplies(database),
    undelivered: createUndeliveredReplies(database),
    callers: createCallerStore(database),
    campaigns: createCampaignStore(database),
    trail: (host: string) => createAuditTrail(database, { chain: randomUUID(), host }),
    webhookRequests: createWebhookRequests(database),
  };
}

function required<T>(value: T | null, variable: string): T {
  if (value !== null) return value;
  throw new HoldfastError({
    code: "CONFIG_INVALID",
    message: `${variable} is not set.`,
    next: "Set it, or start everything with: npm start",
  });
}
