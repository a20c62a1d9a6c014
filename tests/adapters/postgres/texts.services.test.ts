import { describe, expect, inject, it, onTestFinished } from "vitest";
import { openDatabase } from "../../../src/adapters/postgres/database.ts";
import { storableJson, storableText } from "../../../src/ports/conversation/storable-text.ts";
import { corpus } from "../../corpus/read.ts";

interface Entry {
  readonly what: string;
  readonly text: string;
  readonly is: string;
}

const texts = corpus("texts") as readonly Entry[];

describe("what a person says", () => {
  it.each(texts)("is kept as it is, but for what PostgreSQL cannot hold: $what", ({ text, is }) => {
    expect(storableText(text)).toBe(is);
    expect(JSON.parse(storableJson({ text }))).toEqual({ text: is });
  });

  it("comes out of PostgreSQL as it went in", async () => {
    const database = openDatabase(inject("databaseServerUrl"));
    onTestFinished(() => database.close());
    const [row] = await database.query<{ texts: string[]; values: string[] }>(
      "select $1::text[] as texts, $2::jsonb as values",
      [texts.map(({ text }) => storableText(text)), storableJson(texts.map(({ text }) => text))],
    );
    const right = texts.map(({ is }) => is);
    expect(row).toEqual({ texts: right, values: right });
  });
});
