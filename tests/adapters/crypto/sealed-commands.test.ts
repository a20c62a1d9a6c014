import { describe, expect, it } from "vitest";
import { createSealKey } from "../../../src/adapters/crypto/curve-seal.ts";
import { createCommandSealing } from "../../../src/adapters/crypto/sealed-commands.ts";
import { envelope } from "../../../src/adapters/crypto/sealed-request.ts";
import { requireNoSecret, withoutPhones } from "../../../src/commands/secret-fields.ts";

const fleet = createSealKey();
const rules = { request: requireNoSecret, reply: withoutPhones };
const sealing = createCommandSealing(fleet, rules);
const subject = "holdfast.account.desk.password";
const body = { password: "correct horse" };

const open = (text: string, on = subject) =>
  sealing.open({ subject: on, verb: on.split(".").at(-1)!, given: JSON.parse(text) as unknown });

describe("a sealed request", () => {
  it("is opened by the node, and its reply by the caller alone", () => {
    const sealed = envelope(fleet.publicKey, subject, body);
    expect(sealed.text).not.toContain("correct");
    const request = open(sealed.text);
    expect(request.body).toEqual(body);
    const reply = request.reply({ ok: true, phone: "+33100000001" });
    expect(reply).not.toContain("33100000001");
    expect(sealed.read(reply)).toEqual({ ok: true, phone: "+33100000001" });
  });

  it("counts on its own subject alone, so that it cannot be sent to another account", () => {
    const { text } = envelope(fleet.publicKey, subject, body);
    const elsewhere = "holdfast.account.other.password";
    expect(() => open(text, elsewhere)).toThrow(
      expect.objectContaining({ code: "SEAL_ELSEWHERE" }),
    );
  });

  it("is refused where another key sealed it, or where the box was changed", () => {
    const { text } = envelope(createSealKey().publicKey, subject, body);
    expect(() => open(text)).toThrow(expect.objectContaining({ code: "SEAL_UNREADABLE" }));
    expect(() => open('{"sealed":"none"}')).toThrow(
      expect.objectContaining({ code: "SEAL_UNREADABLE" }),
    );
  });

  it("is answered in its seal, or the caller believes nothing but a refusal", () => {
    const { read } = envelope(fleet.publicKey, subject, body);
    expect(() => read('{"ok":true,"account":"desk"}')).toThrow(
      expect.objectContaining({ code: "SEAL_UNREADABLE" }),
    );
    expect(read('{"ok":false,"code":"SEAL_UNREADABLE"}')).toMatchObject({ ok: false });
  });
});

describe("a request in the clear", () => {
  it("is refused with a secret in it, and taken without one", () => {
    const plain = (verb: string, given: object) => () =>
      sealing.open({ subject: `holdfast.account.desk.${verb}`, verb, given });
    const missing = expect.objectContaining({ code: "SEAL_MISSING" });
    expect(plain("password", body)).toThrow(missing);
    expect(plain("import", { key: "AA==" })).toThrow(missing);
    const params = { contacts: [{ phone: "+33100000001" }] };
    expect(plain("invoke", { method: "contacts.importContacts", params })).toThrow(missing);
    expect(plain("password", { password: null })().body).toEqual({ password: null });
    expect(plain("status", {})().body).toEqual({});
  });

  it("may have its reply sealed, and without that gets no phone number", () => {
    const own = createSealKey();
    const verb = "invoke";
    const asked = { subject: "holdfast.account.desk.invoke", verb };
    const answer = { ok: true, result: [{ phone: "33100000001", firstName: "Ada" }] };
    const clear = sealing.open({ ...asked, given: {} }).reply(answer);
    expect(clear).not.toContain("33100000001");
    expect(clear).toContain("Ada");
    const sealed = sealing.open({ ...asked, given: { sealTo: own.publicKey } }).reply(answer);
    const { sealed: box } = JSON.parse(sealed) as { sealed: { from: string; box: string } };
    expect(JSON.parse(own.open(box))).toEqual(answer);
  });
});
