import type { AccountStores } from "../../ports/accounts/account-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { accountColumnsOf, type AccountRow, toAccount } from "./account-rows.ts";
import type { Database } from "./database.ts";
import { isOpenRenewal, type RenewalRow, toRenewal } from "./renewal-store.ts";
import { type SessionRow, toSession } from "./slot-store.ts";

type NeedsRow = AccountRow &
  SessionRow & { readonly renewal: RenewalRow | null; readonly server_salt: string | null };

export function createSlotNeeds(database: Database, sealer: Sealer): Pick<AccountStores, "needs"> {
  return {
    async needs(ref) {
      const [row] = await database.query<NeedsRow>(
        `select ${accountColumnsOf("a")}, u.key_id, u.session, t.server_salt, row_to_json(r) as renewal
         from accounts a left join authorisations u on u.account = a.name and u.slot = $2
         left join tokens t on t.account = a.name and t.slot = $2
         left join renewals r on r.account = a.name and ${isOpenRenewal("r.state")}
         where a.name = $1`,
        [ref.account, ref.slot],
        "slot-needs",
      );
      if (row === undefined) {
        return { record: null, session: null, renewal: null, serverSalt: null };
      }
      const { key_id, session, renewal, server_salt: serverSalt, ...account } = row;
      return {
        record: toAccount(account),
        session: toSession({ key_id, session }, sealer, ref),
        renewal: renewal === null ? null : toRenewal(renewal),
        serverSalt,
      };
    },
  };
}
