import type { VerbOf } from "./verb-roles.ts";

/** Shown as they are: they say what was asked, and hold no text of a person. */
const plainFields: ReadonlySet<string> = new Set([
  "account",
  "accounts",
  "after",
  "back",
  "because",
  "before",
  "confirm",
  "days",
  "dcId",
  "driver",
  "dryRun",
  "ended",
  "force",
  "id",
  "keep",
  "keyId",
  "kind",
  "limit",
  "method",
  "name",
  "of",
  "parked",
  "parkedBefore",
  "role",
  "session",
  "stopped",
  "under",
]);

/** Not even a mark of them is kept: short secrets are found by trying. */
const secretFields: ReadonlySet<string> = new Set([
  "botToken",
  "password",
  "phone",
  "proxy",
  "sealed",
  "value",
]);

/** `key` is a session's secret in one verb, and public in others. */
const secretKeyVerbs: ReadonlySet<string> = new Set(["account.import"]);

const plainMax = 120;
const fieldsMax = 40;

/**
 * The parameters of a command for the record: no secret, and of a text its length and its mark alone.
 * @param mark tells equal texts, and nothing else of them
 */
export function redacted(
  of: VerbOf,
  verb: string,
  body: object,
  mark: (text: string) => string,
): Readonly<Record<string, unknown>> {
  const asMark = (value: unknown) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return { length: text.length, mark: mark(text) };
  };
  const one = (field: string, value: unknown): unknown => {
    const isSecret =
      secretFields.has(field) || (field === "key" && secretKeyVerbs.has(`${of}.${verb}`));
    if (isSecret) return value === null ? null : "withheld";
    if (value === null || typeof value === "boolean") return value;
    const isPlain = plainFields.has(field) || (field === "key" && verb === "caller-add");
    if (isPlain && JSON.stringify(value).length <= plainMax) return value;
    return asMark(value);
  };
  return Object.fromEntries(
    Object.entries(body)
      .slice(0, fieldsMax)
      .map(([field, value]) => [field.slice(0, plainMax), one(field, value)]),
  );
}
