import type { AccountKind, Reason } from "../../../machines/lifecycle.ts";
import { HoldfastError } from "../../errors.ts";
import type { AccountRecord, Wanted } from "../../ports/accounts/account-store.ts";
import type { DeviceIdentity, DriverName } from "../../ports/telegram/telegram.ts";
import type { Database } from "./database.ts";

export interface AccountRow {
  readonly name: string;
  readonly kind: AccountKind;
  readonly driver: DriverName;
  readonly serving_slot: number | null;
  readonly state: string;
  readonly reason: Reason | null;
  readonly wanted: Wanted;
  readonly device: DeviceIdentity;
  readonly cooling_until: Date | null;
  readonly bot: string | null;
  readonly telegram_user_id: string | null;
  readonly has_password: boolean;
  readonly has_proxy: boolean;
}

/** What `toAccount` reads, as SQL; `of`: the table's name there. */
export const accountColumnsOf = (of: string): string =>
  `${of}.name, ${of}.kind, ${of}.driver, ${of}.serving_slot, ${of}.state, ${of}.reason, ${of}.wanted, ${of}.device,
  ${of}.cooling_until, ${of}.bot, ${of}.telegram_user_id::text, ${of}.password is not null as has_password,
  ${of}.proxy is not null as has_proxy`;

export function toAccount(row: AccountRow): AccountRecord {
  const { serving_slot, cooling_until, telegram_user_id, has_password, has_proxy, ...rest } = row;
  return {
    ...rest,
    servingSlot: serving_slot,
    coolingUntilMs: cooling_until?.getTime() ?? null,
    telegramUserId: telegram_user_id,
    hasPassword: has_password,
    hasProxy: has_proxy,
  };
}

export function accountExists(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_EXISTS",
    message: `There is an account "${name}" already; nothing was changed.`,
    next: `Look at it with: npx holdfast status ${name}`,
  });
}

export function accountUnknown(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });
}

/** `assignment` sets one column of an account to `$2`. Throws ACCOUNT_UNKNOWN. */
export async function change(
  database: Database,
  name: string,
  assignment: string,
  value: unknown,
): Promise<void> {
  const changed = await database.query(
    `update accounts set ${assignment}, changed_at = now() where name = $1 returning name`,
    [name, value],
  );
  if (changed.length === 0) throw accountUnknown(name);
}
