import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/faults.ts";
import { corpus } from "../corpus/read.ts";

const files: Record<string, string> = { "/etc/key": `${"ab".repeat(32)}\n`, "/etc/short": "abcd" };
const machine = { hostname: "box", cwd: "/srv", readFile: (path: string) => files[path] ?? null };
const read = (env: Record<string, string>) => readConfig(env, machine);

function faultsOf(env: Record<string, string>): Record<string, string> {
  try {
    read(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return Object.fromEntries(error.faults.map(({ variable, problem }) => [variable, problem]));
  }
  return {};
}

interface EnvironmentEntry {
  readonly what: string;
  readonly env: Record<string, string>;
  readonly is?: object;
  /** By variable: the beginning of the fault. */
  readonly faults?: Readonly<Record<string, string>>;
}

const environments = corpus("environments") as readonly EnvironmentEntry[];

describe("the configuration", () => {
  it("needs no variable at all", () => {
    const config = read({ PATH: "/bin" });
    expect(config).toMatchObject({
      home: "/srv/.holdfast",
      databaseUrl: null,
      natsUrl: null,
      telegram: null,
      http: { host: "127.0.0.1", port: 0, names: [] },
      host: "box",
      profile: "development",
    });
    expect(config.timings).toMatchObject({ heartbeatMs: 500, holdMs: 5_000, drainMs: 15_000 });
  });

  it("takes the production times by profile and one of them by its own variable", () => {
    const { timings } = read({ HOLDFAST_PROFILE: "production", HOLDFAST_T_TAKE_MS: "40000" });
    expect(timings).toMatchObject({ takeMs: 40_000, holdMs: 20_000, suspectMs: 10_000 });
  });

  it("refuses servers that a fleet shares beside a profile that nobody chose", () => {
    const shared = { HOLDFAST_DATABASE_URL: "postgres://h/d", HOLDFAST_NATS_URL: "nats://n" };
    expect(Object.keys(faultsOf(shared))).toEqual(["HOLDFAST_PROFILE"]);
    expect(faultsOf({ ...shared, HOLDFAST_PROFILE: "development" })).toEqual({});
    expect(faultsOf({ HOLDFAST_DATABASE_URL: "postgres://h/d" })).toEqual({});
  });

  it.each([
    ["postgres://u@db.example/d", ["HOLDFAST_DATABASE_URL"]],
    ["postgres://u@/d?host=db.example", ["HOLDFAST_DATABASE_URL"]],
    ["postgres://u@db.example/d?sslmode=verify-full", []],
    ["postgres://u@db.example/d?sslmode=disable", []],
    ["postgres://u@127.0.0.1:5432/d", []],
    ["postgres://u@/d?host=/var/run/postgresql", []],
  ])("in production asks of a remote database how it is protected: %s", (url, faulty) => {
    const env = { HOLDFAST_DATABASE_URL: url };
    expect(Object.keys(faultsOf({ ...env, HOLDFAST_PROFILE: "production" }))).toEqual(faulty);
    expect(faultsOf({ ...env, HOLDFAST_PROFILE: "development" })).toEqual({});
  });

  it("cannot be changed once it is read", () => {
    const config = read({});
    expect([config, config.timings, config.http].every(Object.isFrozen)).toBe(true);
  });

  it("reports every fault at once, each with its variable", () => {
    const faults = faultsOf({
      HOLDFAST_DATABASE_URL: "mysql://u:geheim@h/d",
      HOLDFAST_NATS_URL: "nats://one,ftp://two",
      HOLDFAST_TELEGRAM_API_ID: "12",
      HOLDFAST_TELEGRAM_DC: "{}",
      HOLDFAST_HTTP_PORT: "65536",
      HOLDFAST_HOST: "-x",
      HOLDFAST_LOG_LEVEL: "loud",
      HOLDFAST_MASTER_KEY_FILE: "/etc/short",
      HOLDFAST_PROFILE: "test",
      HOLDFAST_T_HOLD_MS: "5s",
      HOLDFAST_DATABSE_URL: "x",
    });
    expect(Object.keys(faults).toSorted()).toEqual([
      "HOLDFAST_DATABASE_URL",
      "HOLDFAST_DATABSE_URL",
      "HOLDFAST_HOST",
      "HOLDFAST_HTTP_PORT",
      "HOLDFAST_LOG_LEVEL",
      "HOLDFAST_MASTER_KEY_FILE",
      "HOLDFAST_NATS_URL",
      "HOLDFAST_PROFILE",
      "HOLDFAST_TELEGRAM_API_HASH",
      "HOLDFAST_TELEGRAM_DC",
      "HOLDFAST_T_HOLD_MS",
    ]);
    expect(JSON.stringify(faults)).not.toContain("geheim");
  });

  it("takes one way to log in to NATS, whole, and says which one is too many or half", () => {
    const { natsIdentity } = read({ HOLDFAST_NATS_CREDS: "a.creds", HOLDFAST_NATS_CA: "/ca.pem" });
    expect(natsIdentity).toMatchObject({ credsFile: "/srv/a.creds", caFile: "/ca.pem" });
    const url = "nats://ann:geheim@one";
    const faults = faultsOf({
      HOLDFAST_NATS_URL: url,
      HOLDFAST_NATS_CREDS: "a",
      HOLDFAST_NATS_CERT: "c",
    });
    expect(faults).toEqual({
      HOLDFAST_NATS_KEY: "is unset, but HOLDFAST_NATS_CERT is set.",
      HOLDFAST_NATS_CREDS: "says who speaks, and HOLDFAST_NATS_URL too.",
    });
    expect(Object.keys(faultsOf({ HOLDFAST_NATS_USER: "ann" }))).toEqual([
      "HOLDFAST_NATS_PASSWORD_FILE",
    ]);
  });

  it("refuses two users for the servers of one cluster, and shows neither", () => {
    const faults = faultsOf({ HOLDFAST_NATS_URL: "nats://ann:geheim@one,nats://bob:geheim@two" });
    expect(faults).toEqual({ HOLDFAST_NATS_URL: "names more than one user." });
    expect(faultsOf({ HOLDFAST_NATS_URL: "nats://ann:geheim@one,nats://two" })).toEqual({});
  });

  it.each(environments.filter(({ is }) => is !== undefined))(
    "takes the environment: $what",
    ({ env, is = {} }) => {
      expect(read(env)).toMatchObject(is);
    },
  );

  it.each(environments.filter(({ is }) => is === undefined))(
    "refuses the environment with each variable's fault: $what",
    ({ env, faults }) => {
      expect(faultsOf(env)).toEqual(faults);
    },
  );

  it("lets only the production profile refuse a NATS server that asks for nothing", () => {
    expect(read({}).natsIdentity.mustAsk).toBe(false);
    expect(read({ HOLDFAST_PROFILE: "production" }).natsIdentity.mustAsk).toBe(true);
  });

  it("answers a misspelt variable with the name that was meant", () => {
    expect(() => read({ HOLDFAST_DATABSE_URL: "x" })).toThrow(
      /HOLDFAST_DATABSE_URL: .*Did you mean HOLDFAST_DATABASE_URL\?/,
    );
  });

  it.each([
    ["HOLDFAST_T_TAKE_MS", { HOLDFAST_T_TAKE_MS: "7250" }],
    ["HOLDFAST_T_TAKE_MS", { HOLDFAST_T_HOLD_MS: "6905" }],
    ["HOLDFAST_T_SOFT_STOP_MS", { HOLDFAST_T_SOFT_STOP_MS: "5000" }],
    ["HOLDFAST_T_SOFT_STOP_MS", { HOLDFAST_T_HEARTBEAT_MS: "4400", HOLDFAST_T_SUSPECT_MS: "9000" }],
    ["HOLDFAST_T_SUSPECT_MS", { HOLDFAST_T_SUSPECT_MS: "700" }],
    ["HOLDFAST_T_RETRY_MS", { HOLDFAST_T_RETRY_MS: "501" }],
  ])("refuses times that break custody (I1): %s", (variable, env) => {
    expect(Object.keys(faultsOf(env))).toEqual([variable]);
  });

  it("accepts times at the edge of what custody allows", () => {
    expect(faultsOf({ HOLDFAST_T_TAKE_MS: "7251", HOLDFAST_T_SOFT_STOP_MS: "4999" })).toEqual({});
  });

  it("reads the master key as hex or base64, from the variable or a file", () => {
    const hex = "ab".repeat(32);
    const base64 = Buffer.from(hex, "hex").toString("base64");
    for (const config of [
      read({ HOLDFAST_MASTER_KEY: hex }),
      read({ HOLDFAST_MASTER_KEY: base64 }),
      read({ HOLDFAST_MASTER_KEY_FILE: "/etc/key" }),
    ])
      expect(config.masterKeys[0]?.toString("hex")).toBe(hex);
  });

  it("reads several master keys, the one that encrypts first", () => {
    const [next, last] = ["cd".repeat(32), "ab".repeat(32)];
    const { masterKeys } = read({ HOLDFAST_MASTER_KEY: `${next},${last}` });
    expect(masterKeys.map((key) => key.toString("hex"))).toEqual([next, last]);
  });

  it("reads when renewals come by themselves", () => {
    expect(
      read({ HOLDFAST_RENEW_EVERY: "30d", HOLDFAST_QUIET_HOURS: "22:00-06:30" }).renewals,
    ).toEqual({
      everyMs: 30 * 86_400_000,
      jitterMs: 3 * 86_400_000,
      quiet: { fromMinute: 1320, toMinute: 390 },
    });
    expect(read({}).renewals).toBeNull();
    expect(Object.keys(faultsOf({ HOLDFAST_RENEW_EVERY: "monthly" }))).toEqual([
      "HOLDFAST_RENEW_EVERY",
    ]);
  });

  it("prints no secret (I7)", () => {
    const config = read({ HOLDFAST_MASTER_KEY: "ab".repeat(32) });
    const printed = `${inspect(config)}${JSON.stringify(config)}`;
    expect(printed).not.toMatch(/(ab){4}|ab ab ab|171,171/);
    const faulty = "cd".repeat(31);
    expect(JSON.stringify(faultsOf({ HOLDFAST_MASTER_KEY: faulty }))).not.toContain("cdcd");
    expect(
      JSON.stringify(
        faultsOf({ HOLDFAST_TELEGRAM_API_ID: "1", HOLDFAST_TELEGRAM_API_HASH: "hushhush" }),
      ),
    ).not.toContain("hushhush");
  });

  it("takes the socket form of a database URL", () => {
    const url = "postgres://me@/db?host=/run/postgresql";
    expect(read({ HOLDFAST_DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  describe("of the webhook channel", () => {
    const webhook = {
      HOLDFAST_WEBHOOK_PORT: "8080",
      HOLDFAST_WEBHOOK_URL: "https://bot.example.com/inbound",
      HOLDFAST_WEBHOOK_SECRET: "a secret of the provider",
      HOLDFAST_WEBHOOK_REPLY_URL: "https://gateway.example.com/send",
    };
    const production = { ...webhook, HOLDFAST_PROFILE: "production" };
    const faultyIn = (env: Record<string, string>) => Object.keys(faultsOf(env));

    it("shares one secret with the provider in development alone", () => {
      expect(read(webhook).webhook?.replySecret).toBe(webhook.HOLDFAST_WEBHOOK_SECRET);
      const name = "HOLDFAST_WEBHOOK_REPLY_SECRET";
      expect(faultyIn(production)).toEqual([name]);
      expect(faultyIn({ ...production, [name]: webhook.HOLDFAST_WEBHOOK_SECRET })).toEqual([name]);
      expect(faultyIn({ ...production, [name]: "a secret of the gateway" })).toEqual([]);
    });

    it("speaks https alone in production", () => {
      const open = {
        ...production,
        HOLDFAST_WEBHOOK_REPLY_SECRET: "a secret of the gateway",
        HOLDFAST_WEBHOOK_URL: "http://bot.example.com/inbound",
        HOLDFAST_WEBHOOK_REPLY_URL: "HTTP://gateway.example.com/send",
        HOLDFAST_NOTIFY_WEBHOOK: "http://pager.example.com",
      };
      expect(faultyIn({ ...open, HOLDFAST_PROFILE: "development" })).toEqual([]);
      expect(faultyIn(open).toSorted()).toEqual([
        "HOLDFAST_NOTIFY_SECRET",
        "HOLDFAST_NOTIFY_WEBHOOK",
        "HOLDFAST_WEBHOOK_REPLY_URL",
        "HOLDFAST_WEBHOOK_URL",
      ]);
    });

    it("keeps credentials for files from servers that no variable names", () => {
      const auth = { HOLDFAST_WEBHOOK_MEDIA_AUTH: "AC1:token-of-the-account" };
      expect(faultyIn({ ...webhook, ...auth })).toEqual(["HOLDFAST_WEBHOOK_MEDIA_HOSTS"]);
      const hosts = { HOLDFAST_WEBHOOK_MEDIA_HOSTS: "api.twilio.com, Files.example.com:8443" };
      const config = read({ ...webhook, ...auth, ...hosts });
      expect(config.webhook?.media).toMatchObject({
        hosts: ["api.twilio.com", "files.example.com:8443"],
      });
      expect(JSON.stringify(config)).not.toContain("token-of-the-account");
      expect(JSON.stringify(config)).not.toContain("a secret of");
    });
  });
});
