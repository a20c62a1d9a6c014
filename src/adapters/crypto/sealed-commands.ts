import { HoldfastError } from "../../errors.ts";
import type { SealedText } from "../../ports/sealed-text.ts";
import { type SealKey, sealTo } from "./curve-seal.ts";
import type { SealedRequest } from "./sealed-request.ts";

/** A request as the command's handler gets it. */
interface OpenedRequest {
  readonly body: unknown;
  /** The text of a reply, sealed to the caller where they asked for that. */
  reply(answer: object): string;
}

/** The guard of one verb's requests and replies in the clear. */
interface PlainRules {
  /** Throws SEAL_MISSING. */
  request(verb: string, body: unknown): void;
  /** Without what may not be read by others. */
  reply<Answer extends object>(answer: Answer): Answer;
}

/** Opens requests and seals replies, for those who answer commands. */
export interface CommandSealing {
  /** Throws SEAL_UNREADABLE, SEAL_ELSEWHERE and SEAL_MISSING. */
  open(asked: { subject: string; verb: string; given: unknown }): OpenedRequest;
  /** The text of a reply that no key is known for. */
  inTheClear(answer: object): string;
}

/** With the fleet's key, and the rules for what comes in the clear. */
export function createCommandSealing(key: SealKey, plain: PlainRules): CommandSealing {
  const inTheClear = (answer: object) => JSON.stringify(plain.reply(answer));
  return {
    inTheClear,
    open({ subject, verb, given }) {
      const fields = isObject(given) ? given : {};
      const sealed = fields["sealed"];
      if (sealed !== undefined) {
        const request = opened(key, sealed);
        if (request.subject !== subject) throw elsewhere(subject);
        const reply = request.sealTo === undefined ? inTheClear : sealedTo(request.sealTo);
        return { body: request.body, reply };
      }
      const to = fields["sealTo"];
      plain.request(verb, fields);
      return { body: given, reply: to === undefined ? inTheClear : sealedTo(to) };
    },
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

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
