import { expect } from "vitest";
import type { LoginMethod } from "../../../machines/lifecycle.ts";
import type { Account } from "../../../src/engine/account.ts";
import type { Question } from "../../../src/ports/question.ts";
import type { AccountBench } from "../../support/account-bench.ts";

/** The owner's part in a login or a renewal of a bench's account. */
export function createOwner(bench: () => AccountBench) {
  const nameOf = (account: Account) => account.name.replaceAll("-", "_");
  const authorisationsOf = (account: Account) => bench().dc.phone.authorisations(nameOf(account));

  async function asked<Kind extends Question["kind"]>(account: Account, kind: Kind) {
    await expect.poll(() => account.question?.kind, { interval: 2 }).toBe(kind);
    return account.question as Extract<Question, { kind: Kind }>;
  }

  /** A person who reads the newest code, wherever it was sent, and types it. */
  async function typeCode(account: Account): Promise<void> {
    const { of } = await asked(account, "code");
    const sent = await bench().dc.phone.waitForCode(nameOf(account), 5000);
    expect(account.answer(of, "code", sent!.code)).toBe(true);
  }

  async function scan(account: Account, { url }: { readonly url: string }): Promise<void> {
    const token = Buffer.from(new URL(url).searchParams.get("token")!, "base64url");
    bench().dc.phone.acceptLoginToken(nameOf(account), token);
  }

  async function serving(
    kind: "user" | "bot",
    { method, password }: { method?: LoginMethod; password?: string } = {},
  ): Promise<Account> {
    const account = await bench().makeAccount(kind, (world) => world, password);
    await account.start();
    await account.login("login", method ?? (kind === "bot" ? "bot-token" : "code"));
    if (kind === "user" && method !== "qr") await typeCode(account);
    if (method === "qr") await scan(account, await asked(account, "qr"));
    if (password !== undefined) {
      const { of } = await asked(account, "password");
      account.answer(of, "password", password);
    }
    await account.runtime.until((state) => state === "active");
    return account;
  }

  const renewed = (account: Account, slot = 2) =>
    account.runtime.until((state, { context }) => state === "active" && context.slot === slot);

  const aborted = (account: Account) =>
    account.runtime.until(
      (state, { context }) => state === "active" && context.reason !== null && context.slot === 1,
    );

  async function expectOneWorkingKey(account: Account): Promise<void> {
    await expect.poll(() => authorisationsOf(account).length).toBe(1);
    expect((await account.use((client) => client.self())).userId).toBe(
      String(bench().dc.phone.user(nameOf(account)).id),
    );
    expect(bench().dc.ledger.overlaps()["any-two-connections"]).toBe(0);
  }

  return {
    nameOf,
    authorisationsOf,
    asked,
    typeCode,
    scan,
    serving,
    renewed,
    aborted,
    expectOneWorkingKey,
  };
}
