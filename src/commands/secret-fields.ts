import { HoldfastError } from "../errors.ts";

/** The fields of each verb that carry a secret; null in one of them says that there is none. */
const secretFields: Readonly<Record<string, readonly string[]>> = {
  add: ["botToken", "phone", "proxy"],
  import: ["key", "proxy"],
  answer: ["value"],
  password: ["password"],
  token: ["botToken"],
  proxy: ["proxy"],
};

/** Fields of Telegram's methods that carry one, wherever they stand. */
const secretParam = /^(?:phone|phoneNumber|phoneCode|phoneCodeHash|password|botAuthToken)$/;
/** Fields of Telegram's answers that carry a phone number, a contact's card included. */
const phoneField = /^(?:phone|phoneNumber|vcard)$/;
const withheld = "(withheld: ask with sealTo)";

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";

function holdsSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsSecret);
  if (!isFields(value)) return false;
  return Object.entries(value).some(
    ([name, field]) => (secretParam.test(name) && field !== null) || holdsSecret(field),
  );
}

/** Throws SEAL_MISSING for an account's verb whose body carries a secret that anyone on the broker could read. */
export function requireNoSecret(verb: string, body: unknown): void {
  if (!isFields(body)) return;
  const fields = Object.hasOwn(secretFields, verb) ? secretFields[verb]! : [];
  const found = fields.find((name) => isText(body[name]));
  if (found === undefined && !(verb === "invoke" && holdsSecret(body["params"]))) return;
  throw new HoldfastError({
    code: "SEAL_MISSING",
    message: `The request ${verb} carries a secret in the clear, which every reader of NATS has seen by now; nothing was changed.`,
    next: "Replace that secret, then send the new one sealed, as docs/sealed-requests.md shows. The holdfast command seals by itself.",
  });
}

/** An answer in the clear, without its phone numbers. */
export function withoutPhones<Value>(value: Value): Value {
  return masked(value) as Value;
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      phoneField.test(name) && isText(field) ? withheld : masked(field),
    ]),
  );
}
