import { describe, expect, it } from "vitest";
import {
  callsOf,
  createTelegramBench,
  faultOf,
  type MakeDriver,
} from "../fixtures/telegram-bench.ts";

/** Keys, sessions and logins. */
export function specifyLogins(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("keys and sessions", () => {
    it("makes a key and reports it before anything is sent under it", async () => {
      const dc = await bench.startDc();
      const other = await bench.person(dc, "ada");
      let store = () => {};
      const storing = new Promise<void>((resolve) => (store = resolve));
      const { client, sessions, until } = bench.open(dc, { onSession: () => storing });
      const connecting = client.connect();
      await until(() => sessions.length > 0);
      await other.client.self();
      await other.client.cursor();
      const keyId = sessions[0]!.keyId;
      expect(client.keyId).toBe(keyId);
      expect(dc.ledger.connections().filter((wire) => wire.authKeyId === keyId)).toEqual([]);
      store();
      await connecting;
      expect(dc.ledger.connections().filter((wire) => wire.authKeyId === keyId)).toHaveLength(1);
    });

    it("gives up with the reason, and uses no key, when the session cannot be stored", async () => {
      const dc = await bench.startDc();
      const { client, sessions } = bench.open(dc, {
        onSession: () => Promise.reject(new Error("the disk is full")),
      });
      expect((await faultOf(client.connect())).message).toContain("the disk is full");
      expect(sessions).toHaveLength(1);
      expect(dc.ledger.rpcs()).toEqual([]);
    });

    it("comes back under the same key and login from the stored bytes", async () => {
      const dc = await bench.startDc();
      const { client, sessions, id } = await bench.person(dc, "ada");
      await client.close();
      const again = bench.open(dc, { session: sessions[0]!.bytes });
      expect(again.client.keyId).toBe(sessions[0]!.keyId);
      await again.client.connect();
      expect(await again.client.self()).toMatchObject({ userId: String(id), isBot: false });
      expect(again.sessions).toEqual([]);
      expect(dc.phone.authorisations(id).map(({ authKeyId }) => authKeyId)).toEqual([
        sessions[0]!.keyId,
      ]);
    });

    it("is answered at once with the server's salt that the key's client before has left", async () => {
      const dc = await bench.startDc();
      const { client, sessions } = await bench.person(dc, "ada");
      await client.self();
      const { serverSalt } = client;
      expect(serverSalt).toMatch(/^-?\d+$/);
      await client.close();
      const session = sessions[0]!.bytes;
      const refused = async (salt: string | null) => {
        const before = dc.protocolStats.badServerSalts;
        const next = bench.open(dc, { session, serverSalt: salt });
        expect(next.client.serverSalt).toBe(salt);
        await next.client.connect();
        expect(next.client.serverSalt).toBe(serverSalt);
        await next.client.close();
        return dc.protocolStats.badServerSalts - before;
      };
      expect(await refused(serverSalt)).toBe(0);
      // What is wrong or not known costs one more exchange.
      expect(await refused(null)).toBeGreaterThan(0);
      expect(await refused("-7")).toBeGreaterThan(0);
    });

    it("refuses bytes that are no session", async () => {
      const dc = await bench.startDc();
      expect(() => bench.open(dc, { session: Buffer.from("{}") })).toThrow(
        expect.objectContaining({ code: "SESSION_BLOB_BROKEN" }),
      );
    });

    it("refuses a session of another data centre", async () => {
      const dc = await bench.startDc();
      const { client, sessions } = await bench.person(dc, "ada");
      await client.close();
      const elsewhere = await bench.startDc({ dcId: 4 });
      expect(() => bench.open(elsewhere, { session: sessions[0]!.bytes })).toThrow(
        expect.objectContaining({ code: "SESSION_OF_OTHER_DC" }),
      );
    });

    it("opens one connection however often it is told to connect", async () => {
      const dc = await bench.startDc();
      // With a key: an exchange that fails by chance is made anew on a new wire.
      const { client: first, sessions } = await bench.person(dc, "ada");
      await first.close();
      const { client, dials } = bench.open(dc, { session: sessions[0]!.bytes });
      await Promise.all([client.connect(), client.connect()]);
      await client.connect();
      expect(dials()).toBe(1);
      expect(dc.ledger.connections({ open: true })).toHaveLength(1);
    });
  });

  describe("logins", () => {
    it("logs a person in by code, and says who it is", async () => {
      const dc = await bench.startDc();
      const { client, id } = await bench.person(dc, "ada");
      expect(await client.self()).toEqual({
        userId: String(id),
        isBot: false,
        phone: `+${dc.phone.user(id).phone}`,
        username: "ada",
        firstName: "ada",
      });
      expect(dc.phone.authorisations(id)).toMatchObject([
        { authKeyId: client.keyId, deviceModel: "contract" },
      ]);
    });

    it("logs a bot in by its token", async () => {
      const dc = await bench.startDc();
      const { client, id } = await bench.bot(dc, "helper_bot");
      expect(await client.self()).toMatchObject({ userId: String(id), isBot: true });
    });

    it("says that a password is needed, which is no death of the key", async () => {
      const dc = await bench.startDc();
      const phone = "+99966300001";
      const { id } = dc.phone.createUser({ phone, firstName: "Ada", password: "secret" });
      const { client, deaths } = bench.open(dc);
      await client.connect();
      const { codeHash } = await client.requestCode(phone);
      const { code } = dc.phone.readCode(id)!;
      expect(await faultOf(client.signIn({ phone, codeHash, code }))).toMatchObject({
        code: "SESSION_PASSWORD_NEEDED",
        kind: "password-needed",
      });
      expect(deaths).toEqual([]);
    });

    it("refuses a wrong code and goes on with the right one", async () => {
      const dc = await bench.startDc();
      const phone = "+99966300002";
      const { id } = dc.phone.createUser({ phone, firstName: "Ada" });
      const { client } = bench.open(dc);
      await client.connect();
      const { codeHash } = await client.requestCode(phone);
      const { code } = dc.phone.readCode(id)!;
      const wrong = code === "11111" ? "22222" : "11111";
      expect(await faultOf(client.signIn({ phone, codeHash, code: wrong }))).toMatchObject({
        code: "PHONE_CODE_INVALID",
        kind: "refused",
      });
      await client.signIn({ phone, codeHash, code });
      expect((await client.self()).userId).toBe(String(id));
    });

    it("is refused, and its key lives, when it calls without a login", async () => {
      const dc = await bench.startDc();
      const { client, deaths } = bench.open(dc);
      await client.connect();
      expect(await faultOf(client.self())).toMatchObject({
        code: "AUTH_KEY_UNREGISTERED",
        kind: "refused",
      });
      expect(deaths).toEqual([]);
    });

    it("refuses an account of another data centre, and stays where it is", async () => {
      const dc = await bench.startDc();
      const { client, dials } = bench.open(dc);
      await client.connect();
      dc.phone.addFault({
        kind: "error",
        method: "auth.sendCode",
        code: 303,
        message: "PHONE_MIGRATE_4",
      });
      const fault = await faultOf(client.requestCode("+99966300003"));
      expect(fault).toMatchObject({ code: "OTHER_DATA_CENTRE", kind: "refused" });
      expect(fault.message).toContain("4");
      expect(dials()).toBe(1);
      expect(await faultOf(client.self())).toMatchObject({ code: "AUTH_KEY_UNREGISTERED" });
    });

    it("proves a 2FA password, refuses a wrong one, and tells the hint", async () => {
      const dc = await bench.startDc();
      const phone = "+99966300011";
      const { id } = dc.phone.createUser({ phone, firstName: "Ada", password: "s3cret ⚓" });
      const { client, deaths } = bench.open(dc);
      await client.connect();
      const { codeHash, via, length } = await client.requestCode(phone);
      expect({ via, length }).toEqual({ via: "sms", length: 5 });
      const { code } = dc.phone.readCode(id)!;
      await faultOf(client.signIn({ phone, codeHash, code }));
      expect(typeof (await client.passwordHint())).toBe("string");
      expect(await faultOf(client.checkPassword("wrong"))).toMatchObject({
        code: "PASSWORD_HASH_INVALID",
        kind: "refused",
      });
      await client.checkPassword("s3cret ⚓");
      expect(await client.self()).toMatchObject({ userId: String(id), phone });
      expect(deaths).toEqual([]);
    });

    it("is let in by another session that accepts its token", async () => {
      const dc = await bench.startDc();
      const { client: old, id } = await bench.person(dc, "ada");
      const { client } = bench.open(dc);
      await client.connect();
      const shown = await client.loginToken();
      expect(shown!.expiresAtMs).toBeGreaterThan(Date.now());
      await old.acceptLoginToken(shown!.token);
      expect(await client.loginToken()).toBeNull();
      expect((await client.self()).userId).toBe(String(id));
      expect(dc.phone.authorisations(id)).toHaveLength(2);
    });

    it("tells that its token was accepted on a phone", async () => {
      const dc = await bench.startDc();
      const { id } = await bench.person(dc, "ada");
      const opened = bench.open(dc);
      await opened.client.connect();
      const shown = await opened.client.loginToken();
      dc.phone.acceptLoginToken(String(id), shown!.token);
      await opened.until(() => opened.tokensAccepted > 0);
      expect(await opened.client.loginToken()).toBeNull();
    });

    it("tells too many attempts from a death", async () => {
      const dc = await bench.startDc();
      const phone = "+99966300012";
      dc.phone.createUser({ phone, firstName: "Ada" });
      const { client } = bench.open(dc);
      await client.connect();
      dc.phone.addFault({
        kind: "error",
        method: "auth.sendCode",
        code: 406,
        message: "PHONE_PASSWORD_FLOOD",
        count: 1,
      });
      expect(await faultOf(client.requestCode(phone))).toMatchObject({
        code: "PHONE_PASSWORD_FLOOD",
        kind: "refused",
      });
    });

    it("shows the device that it was given, whichever key it makes", async () => {
      const dc = await bench.startDc();
      const { id } = await bench.person(dc, "ada");
      expect(dc.phone.authorisations(id)).toMatchObject([{ deviceModel: "contract" }]);
    });

    it("logs out", async () => {
      const dc = await bench.startDc();
      const { client, id } = await bench.person(dc, "ada");
      await client.logOut();
      expect(dc.phone.authorisations(id)).toEqual([]);
      expect(callsOf(dc, "auth.logOut")).toBe(1);
    });
  });
}
