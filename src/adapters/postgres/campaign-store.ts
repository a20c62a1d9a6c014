import type { CampaignAccount, CampaignStore } from "../../ports/callers/campaign-store.ts";
import type { Database } from "./database.ts";

/** Moves of all accounts to fresh keys, in Postgres. */
export function createCampaignStore(database: Database): CampaignStore {
  return {
    async open(id, because) {
      const [row] = await database.query<{ id: string; begun_at: Date; known: boolean }>(
        `insert into renewal_campaigns (id, because) values ($1, $2)
         on conflict (because) where ended_at is null do update set because = excluded.because
         returning id, begun_at, id <> $1 as known`,
        [id, because],
      );
      return { id: row!.id, begunAt: row!.begun_at.toISOString(), known: row!.known };
    },
    async accounts(id) {
      return database.query<CampaignAccount>(
        `select a.name as account,
           case
             when exists (select from renewals r where r.account = a.name and r.state = 'done'
               and r.requested_at >= c.begun_at) then 'renewed'
             when a.serving_slot is null then 'no-session'
             when a.wanted = 'stop' then 'stopped'
             else 'due'
           end as state,
           (select count(*)::int from renewals r where r.account = a.name and r.state = 'aborted'
             and r.requested_at >= c.begun_at) as "givenUp"
         from accounts a, renewal_campaigns c where c.id = $1 order by a.name`,
        [id],
      );
    },
    async end(id) {
      await database.query(
        "update renewal_campaigns set ended_at = now() where id = $1 and ended_at is null",
        [id],
      );
    },
  };
}
