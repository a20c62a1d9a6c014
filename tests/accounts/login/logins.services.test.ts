import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../../src/errors.ts";
import type { BurialStore } from "../../../src/ports/accounts/burial-store.ts";
import { sessionOfKey } from "../../../src/adapters/telegram/session-blob.ts";
import type { Account } from "../../../src/accounts/account.ts";
import { type AccountBench, openAccountBench } from "../../fixtures/account-bench.ts";
import { createOwner } from "../../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const {
  qrKey,
  nameOf,
  authorisationsOf,
  asked,
  typeCode,
  scan,
  serving,
  renewed,
  expectOneWorkingKey,
} = createOwner(() => bench);

describe("a login", () => {
  it("by QR shows a code that is replaced when it has expired", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("login", "qr", qrKey.publicKey);
    const first = await asked(account, "qr");
    expect(qrKey.open(first.sealedUrl)).toMatch(/^tg:\/\/login\?token=[\w-]+$/);
    const exports = () =>
      Object.values(bench.dc.ledger.rpcCounts()["auth.exportLoginToken"] ?? {})[0] ?? 0;
    expect(exports()).toBe(1);
    bench.clock.advance(first.expiresAtMs - bench.clock.now());
    await expect.poll(exports, { interval: 2 }).toBe(2);
    await scan(account, await asked(account, "qr"));
    await account.runtime.until((state) => state === "active");
    await expectOneWorkingKey(account);
  });

  it("that nobody answers ends by itself and leaves no authorisation behind", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("login", "code");
    await asked(account, "code");
    const endsAtMs = bench.clock.now() + 600_000;
    expect(account.runtime.bound).toEqual({ bound: "authorising", endsAtMs });
    bench.clock.advance(600_000);
    await account.runtime.until((state) => state === "unauthorised.waiting");
    expect(account.runtime.snapshot.context.reason).toMatchObject({ code: "BOUND_AUTHORISING" });
    await expect
      .poll(async () => (await bench.accounts.slots(account.name)).map(({ state }) => state))
      .toEqual(["DISCARDED"]);
    expect(authorisationsOf(account)).toEqual([]);
  });

  it("goes on by itself when the fleet's registers were away for a moment", async () => {
    let failures = 2;
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      claims: {
        ...world.claims,
        async confirm(grant) {
          if ((failures -= 1) < 0) return world.claims.confirm(grant);
          throw new HoldfastError({
            code: "REGISTER_UNAVAILABLE",
            message: "no answer",
            policy: "retryable",
          });
        },
      },
    }));
    await account.start();
    await account.login("login", "bot-token");
    const state = () => (bench.clock.advance(1000), account.runtime.state);
    await expect.poll(state).toBe("active");
    const codes = bench.events.map((event) => (event.type === "note" ? event.code : ""));
    expect(codes.filter((code) => code === "WILL_TRY_AGAIN")).toHaveLength(2);
    await expectOneWorkingKey(account);
  });

  it("waits until the key that died is written off, and makes a new one", async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const account = await bench.makeAccount("bot", (world) => {
      const bury: BurialStore["bury"] = (...of) => held.then(() => world.accounts.bury(...of));
      return { ...world, accounts: { ...world.accounts, bury } };
    });
    await account.start();
    await account.login("login", "bot-token");
    await account.runtime.until((state) => state === "active");
    const reason = { code: "AUTH_KEY_UNREGISTERED", message: "logged out elsewhere" };
    const grant = account.grant!;
    await account.runtime.send({ type: "key.dead", grant, reason });
    await account.login("again", "bot-token");
    goOn();
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 2);
    const slots = await bench.accounts.slots(account.name);
    expect(slots.map(({ state }) => state)).toEqual(["DEAD", "SERVING"]);
  });

  it("that died after Telegram had let it in leaves no authorisation behind", async () => {
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      accounts: { ...world.accounts, adoptFirstSlot: () => new Promise(() => {}) },
    }));
    await account.start();
    await account.login("login", "bot-token");
    await expect.poll(() => authorisationsOf(account).length).toBe(1);
    account.runtime.abandon();
    await expect.poll(() => bench.dc.ledger.connections({ open: true }).length).toBe(0);
    const again = await bench.reopen(account.name);
    await again.start();
    await expect.poll(() => authorisationsOf(account).length).toBe(0);
    expect(again.runtime.state).toBe("unauthorised.waiting");
  });
});

describe("a sign-in whose connection was cut", () => {
  it("may take effect later, and leaves no authorisation behind all the same", async () => {
    const account = await bench.makeAccount("bot");
    await account.start();
    const method = "auth.importBotAuthorization";
    const { id } = bench.dc.phone.addFault({ kind: "delay", method, when: "before", delayMs: 400 });
    await account.login("login", "bot-token");
    const delivered = () =>
      bench.dc.phone.faults().find((fault) => fault.id === id)?.delivered ?? 0;
    await expect.poll(delivered).toBe(1);
    account.runtime.abandon();
    const again = await bench.reopen(account.name);
    await again.start();
    const logOuts = () => Object.values(bench.dc.ledger.rpcCounts()["auth.logOut"] ?? {})[0] ?? 0;
    await expect.poll(logOuts).toBe(1);
    await expect.poll(() => authorisationsOf(account).length).toBe(1);
    bench.clock.advance(1000);
    await expect.poll(() => authorisationsOf(account).length).toBe(0);
    // Written down after Telegram has answered.
    const states = async () => (await bench.accounts.slots(account.name)).map(({ state }) => state);
    await expect.poll(states).toEqual(["DISCARDED"]);
  });
});

describe("one account on two hosts", () => {
  async function onTwoHosts(kind: "user" | "bot"): Promise<[Account, Account]> {
    const here = await bench.makeAccount(kind);
    const there = await bench.openElsewhere(here.name);
    await Promise.all([here.start(), there.start()]);
    return [here, there];
  }

  const slotStates = async ({ name }: Account) =>
    (await bench.accounts.slots(name)).map(({ state }) => state);

  /** Hosts tidy up as they start: a slot whose login had not begun may go then, and the login makes another. */
  const expectOneServing = async (account: Account) => {
    const left = (await slotStates(account)).filter((state) => state !== "DISCARDED");
    expect(left).toEqual(["SERVING"]);
  };

  const isActive = (account: Account) =>
    account.runtime.until((state) => state === "active").then(() => account);

  it("is logged in once: who comes second waits, and takes the slot that serves", async () => {
    const [here, there] = await onTwoHosts("user");
    await here.login("first", "code");
    await asked(here, "code");
    await there.login("second", "code");
    await typeCode(here);
    // Nothing places the account here: the quicker host serves, and the other one seeks.
    const quicker = await Promise.race([isActive(here), isActive(there)]);
    const other = quicker === here ? there : here;
    const stateOfOther = () => (bench.clock.advance(1000), other.runtime.state);
    await expect.poll(stateOfOther).toBe("seeking");
    await expectOneServing(here);
    expect(Object.values(bench.dc.ledger.rpcCounts()["auth.signIn"] ?? {})).toEqual([1]);
    await expectOneWorkingKey(quicker);
  });

  it("is logged in by the second when the first gave up", async () => {
    const [here, there] = await onTwoHosts("user");
    await here.login("first", "code");
    await asked(here, "code");
    await there.login("second", "code");
    await here.stop();
    // The key that was made here is looked at twice before it is given up.
    await expect.poll(() => (bench.clock.advance(1000), slotStates(here))).toContain("DISCARDED");
    await asked(there, "code");
    await typeCode(there);
    await isActive(there);
    await expectOneServing(here);
    await expectOneWorkingKey(there);
  });

  it("makes one session when both are asked at the same moment, whatever tidies up meanwhile", async () => {
    const [here, there] = await onTwoHosts("bot");
    await Promise.all([here.login("first", "bot-token"), there.login("second", "bot-token")]);
    await expectOneWorkingKey(await Promise.race([here, there].map(isActive)));
    expect((await slotStates(here)).filter((state) => state === "SERVING")).toHaveLength(1);
    const imports = Object.values(bench.dc.ledger.rpcCounts()["auth.importBotAuthorization"] ?? {});
    expect(imports).toEqual([1]);
  });
});

describe("an import", () => {
  /** Another program's property: a key that is logged in, and its data centre. */
  async function foreign(name: string) {
    const other = await serving("user");
    const session = await bench.accounts.loadSession({ account: other.name, slot: 1 });
    await other.stop();
    const { dcId, key } = JSON.parse(Buffer.from(session!.bytes).toString()) as {
      dcId: number;
      key: string;
    };
    await bench.database.query("update authorisations set key_id = null, session = null");
    await bench.accounts.importSession({
      name,
      session: sessionOfKey(dcId, Buffer.from(key, "base64")),
      origin: "imported",
    });
    return { other, keyId: session!.keyId };
  }

  it("connects once, learns whose session it is, and moves to a fresh key", async () => {
    const { other, keyId } = await foreign("desk");
    const account = await bench.reopen("desk");
    await account.start();
    await account.login("login", "import");
    await account.runtime.until((state) => state === "active");
    expect(await bench.accounts.credentials("desk")).toMatchObject({
      phone: `+${bench.dc.phone.user(nameOf(other)).phone}`,
    });
    expect(authorisationsOf(other).map(({ authKeyId }) => authKeyId)).toEqual([keyId]);
    await account.renew("fresh", "handoff");
    await renewed(account);
    await expect.poll(() => authorisationsOf(other).length).toBe(1);
    expect(authorisationsOf(other)[0]!.authKeyId).not.toBe(keyId);
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
  });

  it("is not ended by whatever tidies up before it was used", async () => {
    const { other } = await foreign("desk");
    const account = await bench.reopen("desk");
    await account.start();
    await account.login("login", "code");
    await expect.poll(() => account.runtime.snapshot.context.reason?.code).toBe("PHONE_UNKNOWN");
    expect(authorisationsOf(other)).toHaveLength(1);
    expect((await bench.accounts.slots("desk"))[0]).toMatchObject({ state: "PENDING" });
  });
});

describe("what a person wants", () => {
  it("outlives the process: a paused account stays paused until it is resumed", async () => {
    const account = await serving("bot");
    await bench.accounts.want(account.name, "pause");
    await account.pause();
    await account.stop();
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "paused");
    await expect(again.use((client) => client.self())).rejects.toMatchObject({
      code: "ACCOUNT_BUSY",
    });
    await again.resume();
    expect(again.runtime.state).toBe("active");
  });

  it("is a logout: the session ends at Telegram, and the account waits for a login", async () => {
    const account = await serving("bot");
    await account.logout();
    await account.runtime.until((state) => state === "unauthorised.waiting");
    await expect.poll(() => authorisationsOf(account).length).toBe(0);
    expect(await bench.accounts.find(account.name)).toMatchObject({ servingSlot: null });
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
  });

  it("is a forced stop: what is in flight is cut", async () => {
    const account = await serving("bot");
    bench.dc.phone.addFault({ kind: "drop-answer", method: "help.getConfig", when: "before" });
    const call = account.use((client) => client.invoke("help.getConfig", {}));
    call.catch(() => undefined);
    await account.stop(true);
    await expect(call).rejects.toMatchObject({ fault: { kind: "unknown" } });
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
  });
});

describe("a flood wait", () => {
  it("goes on exactly as long as Telegram said, also in the next process", async () => {
    const account = await serving("bot");
    await bench.accounts.cool(account.name, bench.clock.now() + 259_000);
    await bench.accounts.cool(account.name, bench.clock.now() + 7000);
    await account.stop();
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "cooling");
    expect(again.coolingUntilMs).toBe(bench.clock.now() + 259_000);
    // An account that does not send is served meanwhile.
    const self = await again.use((client) => client.self(), { sends: false });
    expect(self.isBot).toBe(true);
    await expect(again.use((client) => client.self())).rejects.toThrow(
      /until .* as Telegram asked/,
    );
    bench.clock.advance(258_000);
    expect(again.runtime.state).toBe("cooling");
    bench.clock.advance(1_000);
    await again.runtime.until((state) => state === "active");
  });
});
