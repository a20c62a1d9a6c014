import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ForeignProgram, foreignPrograms } from "../../../src/cli/foreign/programs.ts";
import { keyIdOfSession, readForeignSession } from "../../../src/cli/foreign/session.ts";
import { corpus } from "../../corpus/read.ts";

interface Entry {
  readonly what: string;
  readonly program: ForeignProgram;
  readonly text: string;
  readonly is?: { readonly dcId: number; readonly isTest: boolean; readonly keyId: string };
  /** A pattern of the reason against it. */
  readonly why?: string;
}

const entries = corpus("sessions") as readonly Entry[];
const sessions = entries.flatMap(({ is, ...entry }) =>
  is === undefined ? [] : [{ ...entry, is }],
);
const unreadable = { code: "SESSION_UNREADABLE" };

describe("a session string", () => {
  it.each(sessions.filter(({ is }) => !is.isTest))("is read: $what", async (entry) => {
    const { program, text, is } = entry;
    expect(await keyIdOfSession(text)).toBe(is.keyId);
    expect(await readForeignSession(program, text)).toMatchObject({ dcId: is.dcId });
  });

  it.each(sessions.filter(({ is }) => is.isTest))(
    "of the test servers is known, and not taken: $what",
    async ({ program, text, is }) => {
      expect(await keyIdOfSession(text)).toBe(is.keyId);
      const refused = { code: "SESSION_OF_TEST_SERVERS" };
      await expect(readForeignSession(program, text)).rejects.toMatchObject(refused);
    },
  );

  it.each(entries.filter(({ why }) => why !== undefined))(
    "is refused with the reason: $what",
    async ({ program, text, why = "" }) => {
      const refused = { ...unreadable, message: expect.stringMatching(why) };
      await expect(readForeignSession(program, text)).rejects.toMatchObject(refused);
    },
  );

  it("of one program is never taken for another's", async () => {
    for (const { program, text } of sessions) {
      const refused = { message: expect.stringContaining(`say --from ${program}`) };
      for (const other of foreignPrograms.filter((one) => one !== program)) {
        await expect(readForeignSession(other, text)).rejects.toMatchObject(refused);
      }
    }
  });

  it("is made of no other text, and nothing else goes wrong", async () => {
    const noise = fc
      .array(fc.integer({ min: 0, max: 0xffff }))
      .map((units) => String.fromCharCode(...units));
    const bytes = fc
      .uint8Array({ maxLength: 300 })
      .map((some) => Buffer.from(some).toString("base64url"));
    const json = fc.json().map((text) => ` ${text}`);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(noise, bytes, json),
        fc.constantFrom(...foreignPrograms),
        async (text, program) => {
          await expect(readForeignSession(program, text)).rejects.toMatchObject(unreadable);
          await expect(keyIdOfSession(text)).rejects.toMatchObject(unreadable);
        },
      ),
    );
  });
});
