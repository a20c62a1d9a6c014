import { HoldfastError } from "../../errors.ts";
import { type SealedText, type SealKey, sealTo } from "../crypto/curve-seal.ts";
import type { SealedRequest } from "./sealed-request.ts";

/** A request as the command's handler gets it. */
export interface OpenedRequest {
  readonly body: unknown;
  /** True where nobody but the caller and the node could read it. */
  readonly wasSealed: boolean;
  /** The text of a reply, sealed to the caller where they asked for that. */
  reply(answer: object): string;
}

/** The guard of one verb's requests and replies in the clear. */
export interface PlainRules {
  /** Throws SEAL_MISSING. */
  request(verb: string, body: unknown): void;
  /** Without what may not be read by others. */
  reply<Answer extends object>(answer: Answer): Answer;
}

export interface CommandSealing {
  readonly key: SealKey;
  readonly plain: PlainRules;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Opens one request. Throws SEAL_UNREADABLE, SEAL_ELSEWHERE and SEAL_MISSING. */
export function openRequest(
  { key, plain }: CommandSealing,
  { subject, verb, given }: { subject: string; verb: string; given: unknown },
): OpenedRequest {
  const fields = isObject(given) ? given : {};
  const sealed = fields["sealed"];
  if (sealed !== undefined) {
    const request = opened(key, sealed);
    if (request.subject !== subject) throw elsewhere(subject);
    return request.sealTo === undefined
      ? { body: request.body, wasSealed: true, reply: inTheClear(plain) }
      : { body: request.body, wasSealed: true, reply: sealedTo(request.sealTo) };
  }
  const { sealTo: to, ...body } = fields;
  plain.request(verb, body);
  if (to === undefined) return { body: given, wasSealed: false, reply: inTheClear(plain) };
  return { body, wasSealed: false, reply: sealedTo(to) };
}

/** The text of a reply that no key is known for. */
export const inTheClear =
  (plain: PlainRules) =>
  (answer: object): string =>
    JSON.stringify(plain.reply(answer));

function sealedTo(to: unknown): (answer: object) => string {
  // A key that is none is refused before anything is done.
  if (typeof to !== "string") throw noKey();
  sealTo(to, "");
  return (answer) => JSON.stringify({ sealed: sealTo(to, JSON.stringify(answer)) });
}

function opened(key: SealKey, sealed: unknown): SealedRequest {
  const { from, box } = (isObject(sealed) ? sealed : {}) as Partial<SealedText>;
  return JSON.parse(key.open({ from: String(from), box: String(box) })) as SealedRequest;
}

const elsewhere = (subject: string) =>
  new HoldfastError({
    code: "SEAL_ELSEWHERE",
    message: `The sealed request that came on ${subject} was made for another subject; nothing was changed.`,
    next: 'Seal {"subject", "sealTo", "body"} with the subject that it is sent to.',
  });

const noKey = () =>
  new HoldfastError({
    code: "SEAL_UNREADABLE",
    message: "The key to seal the reply to is no text; nothing was changed.",
    next: "Give the public half of a curve key, X…, as sealTo, or leave it out.",
  });
