import type * as z from "zod";
import { HoldfastError } from "../errors.ts";
import { bodies } from "./bodies.ts";
import { ruleOf } from "./body-fields.ts";
import type { Body } from "./protocol.ts";
import type { VerbOf } from "./verb-roles.ts";

/** Read before a verb sees the request: to whom its answer is sealed. */
const common: ReadonlySet<string> = new Set(["sealTo"]);
const shownMax = 64;

/**
 * A request's fields as its verb takes them. Throws COMMAND_MALFORMED, which names the field and the values that it
 * takes, and never a value that was given: it may be a secret. The body of a verb that does not exist comes back as
 * it is.
 */
export function checkedBody(of: VerbOf, verb: string, body: Body): Body {
  if (!Object.hasOwn(bodies[of], verb)) return body;
  const schema = bodies[of][verb]!;
  const unknown = Object.keys(body).find(
    (field) => !Object.hasOwn(schema.shape, field) && !common.has(field),
  );
  if (unknown !== undefined) throw fieldUnknown(verb, unknown, Object.keys(schema.shape));
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const field = String(read.error.issues[0]?.path[0] ?? "");
  throw fieldMalformed(verb, field, { rule: ruleIn(schema, field), given: body[field] });
}

const ruleIn = (schema: z.ZodObject, field: string): string =>
  ruleOf(schema.shape[field] as z.ZodType);

/** The kind of a value, which is no secret. */
function kindOf(value: unknown): string {
  if (value === null) return "the null";
  if (value === "") return "the empty text";
  if (Array.isArray(value)) return "the list";
  const kinds: Readonly<Record<string, string>> = {
    string: "the text",
    boolean: "the truth value",
  };
  return kinds[typeof value] ?? `the ${typeof value}`;
}

const fieldUnknown = (verb: string, field: string, known: readonly string[]) =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `${verb} knows no field ${JSON.stringify(field.slice(0, shownMax))}; nothing was done.`,
    next:
      known.length === 0
        ? "Send {}: it takes no field."
        : `Leave it out; the fields of ${verb} are: ${known.join(", ")}.`,
  });

const fieldMalformed = (
  verb: string,
  field: string,
  { rule, given }: { readonly rule: string; readonly given: unknown },
) =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message:
      given === undefined
        ? `${verb} needs the field "${field}"; nothing was done.`
        : `${verb} does not take ${kindOf(given)} in its field "${field}"; nothing was done.`,
    next: `Give "${field}" as ${rule}.`,
  });
