import { refuseOldPostgres } from "../../adapters/postgres/oldest-server.ts";
import { labelOf } from "../../adapters/postgres/migration-files.ts";
import type {
  AppliedMigration,
  ServerFacts,
  StrayToken,
} from "../../adapters/postgres/diagnosis.ts";
import { type Check, fault, ok, refusedWith, unknown, unlessRefused } from "./check.ts";

/** What the checks want to know of the database. Each question throws where it does not answer. */
export interface DatabaseQuestions {
  facts(): Promise<ServerFacts>;
  /** null: there is no schema. */
  applied(): Promise<readonly AppliedMigration[] | null>;
  /** The migrations of this program. */
  known(): Promise<readonly AppliedMigration[]>;
  invalidIndexes(): Promise<readonly string[]>;
  sessionIndexHolds(): Promise<boolean>;
  duplicates(): Promise<number>;
  strayTokens(): Promise<readonly StrayToken[]>;
  keyless(): Promise<readonly string[]>;
  leftPending(): Promise<readonly { readonly account: string; readonly slot: number }[]>;
  /** Names of hosts that this database takes for running. */
  liveHosts(): Promise<readonly string[]>;
}

const skewMsMax = 1000;
/** As docs/operating.md says: 21 of a node and one of its gate; and for commands, a migrator and a person. */
const connectionsOfHost = 22;
const connectionsBeside = 20;

export const database = ({ facts }: DatabaseQuestions): Check => ({
  name: "database",
  async look() {
    let found: ServerFacts;
    try {
      found = await facts();
    } catch (error) {
      return refusedWith(error);
    }
    if (!found.readOnly) return ok(`PostgreSQL ${found.version} answers, and can be written`);
    return fault(
      "the database can only be read",
      "no turn can be committed",
      "Make it writable again: alter system reset default_transaction_read_only; select pg_reload_conf()",
    );
  },
});

export const postgresVersion = ({ facts }: DatabaseQuestions): Check => ({
  name: "postgres",
  async look() {
    const { version, versionNumber } = await facts();
    return unlessRefused(() => {
      refuseOldPostgres(versionNumber, version);
      return `PostgreSQL ${version}`;
    });
  },
});

/** A server's clock, read between two looks at this machine's; milliseconds since 1970. */
export interface ServerTime {
  readonly theirs: number;
  readonly before: number;
  readonly after: number;
}

/** The clock of a server beside this machine's. `read`: null where no time is told. */
export const clockSkew = (
  name: string,
  of: string,
  read: () => Promise<ServerTime | null>,
): Check => ({
  name,
  async look() {
    const found = await read();
    if (found === null) return unknown(`${of} tells no time while no host runs`, startIt);
    const { theirs, before, after } = found;
    // It was read in between: only what lies outside is skew.
    const skewMs = theirs < before ? theirs - before : Math.max(0, theirs - after);
    if (Math.abs(skewMs) <= skewMsMax) return ok(`less than ${skewMsMax / 1000} s apart`);
    return fault(
      `the clock of ${of} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs < 0 ? "behind" : "ahead of"} this machine's`,
      "times of leases and records cannot be compared",
      "timedatectl set-ntp true, on each machine",
    );
  },
});

const startIt = "npx holdfast start";

export const schema = ({ applied, known }: DatabaseQuestions): Check => ({
  name: "schema",
  async look() {
    const [there, ours] = await Promise.all([applied(), known()]);
    const newest = ours.at(-1)?.version ?? 0;
    if (there === null)
      return fault("there is no schema", "no host can serve", "npx holdfast migrate up");
    const above = there.filter(({ version }) => !ours.some((one) => one.version === version));
    if (above.length > 0)
      return fault(
        `the schema has ${above.map(labelOf).join(", ")}, which this program does not know`,
        "it was changed by a newer program",
        "Install that newer version of Holdfast on this host",
      );
    const edited = there.filter(({ version, checksum }) =>
      ours.some((one) => one.version === version && one.checksum !== checksum),
    );
    if (edited.length > 0)
      return fault(
        `${edited.map(labelOf).join(", ")} is not what was applied`,
        "the files of this program were edited",
        "npx holdfast migrate verify",
      );
    const missing = ours.filter(({ version }) => !there.some((one) => one.version === version));
    if (missing.length === 0) return ok(`version ${newest}, the newest that this program knows`);
    return fault(
      `the schema lacks ${missing.map(labelOf).join(", ")}`,
      "it is behind this program",
      "npx holdfast migrate backup && npx holdfast migrate up",
    );
  },
});

/** @param rebuild builds one anew, as the owner; null: an index of another program, which is let alone */
export const indexes = (
  { invalidIndexes }: DatabaseQuestions,
  own: (name: string) => Promise<boolean>,
  rebuild: (name: string) => Promise<void>,
): Check => ({
  name: "indexes",
  async look() {
    const invalid = await invalidIndexes();
    if (invalid.length === 0) return ok("every index is valid");
    const areOwn = await Promise.all(invalid.map(own));
    const mine = invalid.filter((_, n) => areOwn[n]);
    const statements = invalid.map((name) =>
      mine.includes(name)
        ? `reindex index concurrently ${name}`
        : `drop index concurrently ${name}`,
    );
    return fault(
      `not valid: ${invalid.join(", ")}`,
      "an index whose build was broken off guards nothing and speeds up nothing",
      `As the owner of the schema: ${statements.join("; ")}`,
      mine.length === 0
        ? undefined
        : {
            what: mine.map((name) => `reindex index concurrently ${name}`).join("; "),
            async mend() {
              for (const name of mine) await rebuild(name);
            },
          },
    );
  },
});

export const sessions = (of: DatabaseQuestions): Check => ({
  name: "sessions",
  async look() {
    const [holds, twice] = await Promise.all([of.sessionIndexHolds(), of.duplicates()]);
    if (holds) return ok("no chat user has two open sessions, and an index keeps it so");
    return fault(
      `the index conversation_sessions_one_open is missing or not valid, and ${twice} chat users have several open sessions`,
      "their context is lost in turns",
      "npx holdfast migrate repair",
    );
  },
});

export const tokens = ({ strayTokens }: DatabaseQuestions): Check => ({
  name: "tokens",
  async look() {
    const [first, ...others] = await strayTokens();
    if (first === undefined) return ok("no token is held by a host that has ended");
    return fault(
      `${others.length + 1} tokens are held by hosts that have ended, the first by ${first.host}: ${first.account} slot ${first.slot}`,
      "nobody can connect with them",
      `npx holdfast force ${first.account}`,
    );
  },
});

export const accounts = ({ keyless }: DatabaseQuestions): Check => ({
  name: "accounts",
  async look() {
    const [first, ...others] = await keyless();
    if (first === undefined) return ok("each account that claims to serve has a key");
    return fault(
      `without a key that serves: ${[first, ...others].join(", ")}`,
      "they claim to serve",
      `npx holdfast recover ${first}`,
    );
  },
});

export const pending = ({ leftPending }: DatabaseQuestions): Check => ({
  name: "pending",
  async look() {
    const [first, ...others] = await leftPending();
    if (first === undefined) return ok("no authorisation was left half-made");
    return fault(
      `${others.length + 1} authorisations were left pending, the first of ${first.account} slot ${first.slot}`,
      "no renewal makes them any more",
      `npx holdfast renew ${first.account}`,
    );
  },
});

export const durability = ({ facts }: DatabaseQuestions): Check => ({
  name: "durability",
  async look() {
    const { unsafe } = await facts();
    if (unsafe.length === 0) return ok("what is committed is on disk");
    const statements = unsafe.map((name) => `alter system set ${name} = on`);
    return fault(
      `off in PostgreSQL: ${unsafe.join(", ")}`,
      "a loss of power loses turns and grants that were committed",
      `${statements.join("; ")}; select pg_reload_conf()`,
    );
  },
});

export const connections = ({ facts, liveHosts }: DatabaseQuestions): Check => ({
  name: "connections",
  async look() {
    const [{ connectionsMax }, hosts] = await Promise.all([facts(), liveHosts()]);
    const count = Math.max(1, new Set(hosts).size);
    const needed = connectionsOfHost * count + connectionsBeside;
    if (connectionsMax >= needed)
      return ok(`${connectionsMax} connections, and ${count} hosts need ${needed}`);
    return fault(
      `max_connections is ${connectionsMax}, and ${count} hosts need ${needed}`,
      "a host that finds none left cannot take over",
      `alter system set max_connections = ${needed}, then restart PostgreSQL`,
    );
  },
});
