import { connect } from "node:net";
import type { Database } from "../adapters/postgres/database.ts";
import { createMtcuteDriver } from "../adapters/telegram/mtcute/driver.ts";
import { alreadyOpen } from "../ports/custody/gate.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import { type DataCentre, defaultDevice, silentEvents } from "../ports/telegram/telegram.ts";

export type PlantedFault = "overlap" | "lose" | "duplicate";

export const plantedFaults: readonly PlantedFault[] = ["overlap", "lose", "duplicate"];

/** Selects the reply that meets the planted fault. */
const unluckyReply = 50;

/**
 * Makes the database itself drop one reply, or send one again as another, behind the back of the
 * code under test.
 */
export async function plantInDatabase(database: Database, fault: PlantedFault): Promise<void> {
  if (fault === "overlap") return;
  const [when, work] =
    fault === "lose"
      ? ["insert", "return null;"]
      : ["update", "new.state := 'pending'; new.random_id := new.random_id + 1;"];
  await database.query(`create sequence planted`);
  // The trigger runs as the host whose reply it meets.
  await database.query(`grant usage on sequence planted to public`);
  await database.query(
    `create function planted() returns trigger language plpgsql as $$ begin
       if tg_op = 'UPDATE' and new.state <> 'sent' then return new; end if;
       if nextval('planted') = ${unluckyReply} then ${work} end if;
       return new;
     end $$`,
  );
  await database.query(
    `create trigger planted before ${when} on outbox for each row execute function planted()`,
  );
}

/** Uses the serving key a second time, past the gate. No code of Holdfast can do this. */
export async function plantOverlap(
  accounts: AccountStores,
  account: string,
  dataCentre: DataCentre,
): Promise<void> {
  const slot = (await accounts.find(account))?.servingSlot ?? 1;
  const session = await accounts.loadSession({ account, slot });
  const driver = createMtcuteDriver({
    apiId: 1,
    apiHash: "0".repeat(32),
    dataCentre,
  });
  const client = driver.open({
    session: session?.bytes ?? null,
    device: defaultDevice,
    dial: async ({ host, port }) => alreadyOpen(connect({ host, port })),
    events: { ...silentEvents, onSession: async () => {} },
  });
  await client.connect().catch(() => undefined);
  await client.self().catch(() => undefined);
  await client.close();
}
