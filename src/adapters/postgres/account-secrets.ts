import type { AccountSecrets, Credentials } from "../../ports/accounts/account-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { accountUnknown, change } from "./account-rows.ts";
import type { Database } from "./database.ts";

/** What each secret of an account is bound to. */
export const secretPurposes = {
  credentials: (account: string) => `the credentials of ${account}`,
  password: (account: string) => `the password of ${account}`,
  proxy: (account: string) => `the proxy of ${account}`,
} as const;

/** What an account logs in and connects with; each text is sealed for its account and purpose. */
export function createAccountSecrets(database: Database, sealer: Sealer): AccountSecrets {
  type Secret = keyof typeof secretPurposes;

  async function read(name: string, of: Secret): Promise<string | null> {
    const [row] = await database.query<{ sealed: Buffer | null }>(
      `select ${of} as sealed from accounts where name = $1`,
      [name],
    );
    if (row === undefined) throw accountUnknown(name);
    if (row.sealed === null) return null;
    return sealer.open(row.sealed, secretPurposes[of](name)).toString();
  }

  async function write(name: string, of: Secret, text: string | null): Promise<void> {
    const sealed = text === null ? null : sealer.seal(Buffer.from(text), secretPurposes[of](name));
    await change(database, name, `${of} = $2`, sealed);
  }

  return {
    credentials: async (name) => JSON.parse((await read(name, "credentials"))!) as Credentials,
    learnPhone: (name, phone) =>
      write(name, "credentials", JSON.stringify({ kind: "user", phone } satisfies Credentials)),
    keepPassword: (name, password) => write(name, "password", password),
    password: (name) => read(name, "password"),
    chooseProxy: (name, url) => write(name, "proxy", url),
    proxy: (name) => read(name, "proxy"),
  };
}
