/** What a channel tells of who writes; a field that is absent was not told. JSON. */
export interface Writer {
  /** First and last name. */
  readonly name?: string;
  /** Without `@`. */
  readonly username?: string;
  /** An IETF tag, such as `fr` or `pt-br`. */
  readonly language?: string;
}

/** UTF-16 units of each text. */
const writerUnitsMax = { name: 128, username: 64, language: 16 } as const;

type WriterField = keyof typeof writerUnitsMax;
const fields = Object.keys(writerUnitsMax) as readonly WriterField[];

/** Each text is cut to its bound; undefined where nothing was told. */
export function writerOf(
  told: Readonly<Partial<Record<WriterField, string | undefined>>>,
): Writer | undefined {
  const writer: Partial<Record<WriterField, string>> = {};
  for (const field of fields) {
    const text = told[field]?.trim().slice(0, writerUnitsMax[field]).toWellFormed();
    if (text !== undefined && text !== "") writer[field] = text;
  }
  return Object.keys(writer).length === 0 ? undefined : writer;
}

export function isWriter(value: unknown): value is Writer {
  if (typeof value !== "object" || value === null) return false;
  const given = value as Readonly<Record<string, unknown>>;
  return fields.every((field) => {
    const text = given[field];
    return text === undefined || (typeof text === "string" && text.length <= writerUnitsMax[field]);
  });
}
