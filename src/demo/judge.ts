import type { Database } from "../adapters/postgres/database.ts";
import { type ControlAccess, control } from "../embedded/control-api.ts";

/**
 * The joint verdict of the data centre's ledger and the database; the code under test is not asked.
 */
export interface Judgement {
  /** Messages and taps without exactly one delivered reply. */
  readonly lost: number;
  /** Replies beyond the first to one message or tap. */
  readonly duplicated: number;
  /** Pairs of connections of one key in use at once, under the strictest policy. */
  readonly overlaps: number;
  readonly details: readonly string[];
}

export interface JudgedAccount {
  readonly account: string;
  readonly username: string;
  /** Taps answered by the account, as the people counted them. */
  readonly tapsAnswered: number;
}

/** Telegram's own account. Its login codes are for the renewal; no turn may ever see them. */
const serviceUserId = "777000";

interface LedgerMessage {
  readonly fromId: string;
  readonly fromMessageId: number;
  readonly toMessageId: number;
  /** Decimal; links a reply in the database to a message in the ledger. */
  readonly randomId?: string;
}

interface TurnRow {
  readonly inbound_id: string;
  readonly random_ids: readonly (string | null)[];
}

export async function judge(
  database: Database,
  access: ControlAccess,
  accounts: readonly JudgedAccount[],
): Promise<Judgement> {
  const parts = await Promise.all(
    accounts.map((account) => judgeAccount(database, access, account)),
  );
  const overlaps = await control<Readonly<Record<string, number>>>(
    access,
    "GET",
    "/ledger/overlaps",
  );
  return {
    lost: parts.reduce((sum, { lost }) => sum + lost.length, 0),
    duplicated: parts.reduce((sum, { extra }) => sum + extra.length, 0),
    overlaps: overlaps["any-two-connections"] ?? Number.NaN,
    details: parts.flatMap(({ lost, extra }) => [...lost, ...extra]),
  };
}

async function judgeAccount(
  database: Database,
  access: ControlAccess,
  { account, username, tapsAnswered }: JudgedAccount,
) {
  const ledger = async (side: "from" | "to") =>
    (
      await control<{ messages: readonly LedgerMessage[] }>(
        access,
        "GET",
        `/ledger/messages?${side}=${username}`,
      )
    ).messages;
  const [received, sent, turns] = await Promise.all([
    ledger("to"),
    ledger("from"),
    database.query<TurnRow & Record<string, unknown>>(
      `select t.inbound_id, array_agg(o.random_id::text) as random_ids
       from turns t left join outbox o on o.session_id = t.session_id and t.seq = o.seq - 1 - o.reply_index
       where t.account = $1 group by t.inbound_id`,
      [account],
    ),
  ]);
  const arrived = new Set(sent.map(({ randomId }) => randomId));
  const taken = new Set(turns.map(({ inbound_id }) => inbound_id));
  const hasArrived = (id: string | null) => id !== null && arrived.has(id);
  const taps = turns.filter(({ inbound_id }) => inbound_id.startsWith("tap:")).length;
  const replies = new Set(turns.flatMap(({ random_ids }) => random_ids));
  const counted = new Set<string>();

  const lost = [
    ...received
      .filter(({ fromId }) => fromId !== serviceUserId)
      .filter(({ toMessageId }) => !taken.has(`m:${toMessageId}`))
      .map(({ toMessageId }) => `${account}: message ${toMessageId} was never taken`),
    ...turns
      .filter(({ random_ids }) => !random_ids.some(hasArrived))
      .map(({ inbound_id }) => `${account}: ${inbound_id} got no reply`),
    ...Array.from(
      { length: Math.max(0, tapsAnswered - taps) },
      () => `${account}: a tap was answered and never taken`,
    ),
  ];
  const extra = [
    ...turns.flatMap(({ inbound_id, random_ids }) =>
      random_ids
        .filter(hasArrived)
        .slice(1)
        .map(() => `${account}: ${inbound_id} was answered more than once`),
    ),
    ...sent
      .filter(({ randomId }) => {
        const again = randomId !== undefined && counted.has(randomId);
        if (randomId !== undefined) counted.add(randomId);
        return again || randomId === undefined || !replies.has(randomId);
      })
      .map(({ fromMessageId }) => `${account}: message ${fromMessageId} answers nothing`),
  ];
  return { lost, extra };
}
