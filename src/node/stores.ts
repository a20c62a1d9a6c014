import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Sealer } from "../adapters/crypto/sealing.ts";
import { connectNats } from "../adapters/nats/connection.ts";
import { createAccountStore } from "../adapters/postgres/account-store.ts";
import { createAuditTrail } from "../adapters/postgres/audit-trail.ts";
import { createBacklogStore } from "../adapters/postgres/backlog-store.ts";
import { createCallerStore } from "../adapters/postgres/caller-store.ts";
import { createCampaignStore } from "../adapters/postgres/campaign-store.ts";
import { createConversationStore } from "../adapters/postgres/conversation-store.ts";
import { createConversationRecords } from "../adapters/postgres/conversation-records.ts";
import { createCursorStore } from "../adapters/postgres/cursor-store.ts";
import { createEscalationStore } from "../adapters/postgres/escalation-store.ts";
import { createFleetHealthStore } from "../adapters/postgres/fleet-health.ts";
import { createIncarnationStore } from "../adapters/postgres/incarnation-store.ts";
import { createLedgerStore } from "../adapters/postgres/ledger-store.ts";
import { createOutboxStore, createPartitionReplies } from "../adapters/postgres/outbox-store.ts";
import { createPersonErasure } from "../adapters/postgres/person-erasure.ts";
import { createPersonReplies } from "../adapters/postgres/person-replies.ts";
import { createParkedStore } from "../adapters/postgres/parked-store.ts";
import { createOfferedChoices } from "../adapters/postgres/offered-choices.ts";
import { createRetentionStore } from "../adapters/postgres/retention-store.ts";
import { createStreamLossStore } from "../adapters/postgres/stream-loss-store.ts";
import { createSuspectStore } from "../adapters/postgres/suspect-store.ts";
import { createStoredPeers } from "../adapters/postgres/stored-peers.ts";
import { createStepStore } from "../adapters/postgres/step-store.ts";
import { createTextSearch } from "../adapters/postgres/text-search.ts";
import { createTokenStore } from "../adapters/postgres/token-store.ts";
import { createWaitStore } from "../adapters/postgres/wait-store.ts";
import { createUndeliveredReplies } from "../adapters/postgres/undelivered-replies.ts";
import { createWebhookRequests } from "../adapters/postgres/webhook-requests.ts";
import type { Config } from "../config/config.ts";
import { HoldfastError } from "../errors.ts";
import type { NodeDatabases } from "./databases.ts";
import { custodyRules, sessionRules } from "./rules.ts";

/** Everything that this node keeps in Postgres. */
export type Stores = ReturnType<typeof createStores>;

/** Throws CONFIG_INVALID without an address. */
export const openNodeNats = (
  { natsUrl, natsIdentity }: Pick<Config, "natsUrl" | "natsIdentity">,
  host: string,
): Promise<NatsConnection> =>
  connectNats({ ...natsIdentity, url: required(natsUrl, "HOLDFAST_NATS_URL") }, `node ${host}`);

export function createStores(
  databases: Omit<NodeDatabases, "close" | "warm" | "sizes">,
  sealer: Sealer,
) {
  const { beats, custody, turns, others } = databases;
  const records = createConversationRecords(others, sessionRules);
  return {
    accounts: createAccountStore(custody, sealer, custodyRules),
    tokens: createTokenStore(custody, custodyRules),
    incarnations: createIncarnationStore(custody, custodyRules, beats),
    ledger: createLedgerStore(others),
    cursors: createCursorStore(others, custodyRules),
    streamLosses: createStreamLossStore(others),
    conversations: createConversationStore(turns, { rules: sessionRules, tokens: custodyRules }),
    backlog: createBacklogStore(turns),
    records,
    health: createFleetHealthStore(others, sessionRules, records),
    escalations: createEscalationStore(others),
    steps: createStepStore(turns),
    suspects: createSuspectStore(turns),
    parked: createParkedStore(turns),
    choices: createOfferedChoices(turns),
    outbox: createOutboxStore(turns, custodyRules),
    partitionReplies: createPartitionReplies(turns),
    undelivered: createUndeliveredReplies(others),
    persons: createPersonReplies(others, sessionRules),
    peers: createStoredPeers(others),
    callers: createCallerStore(others),
    campaigns: createCampaignStore(others),
    trail: (host: string) => createAuditTrail(others, { chain: randomUUID(), host }),
    waits: createWaitStore(others),
    erasure: createPersonErasure(others),
    textSearch: createTextSearch(others),
    retention: createRetentionStore(others, sessionRules),
    webhookRequests: createWebhookRequests(others),
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
