import { HoldfastError } from "../../errors.ts";
import type { SealedText } from "../../ports/sealed-text.ts";
import { createSealKey, sealTo } from "./curve-seal.ts";

/** The broker's way to ask, as a connection of NATS has it. */
interface Broker {
  request(
    subject: string,
    text: string,
    options: { timeout: number },
  ): Promise<{ string(): string }>;
}

/** The text in the box of a sealed request. It names its subject, so that no other can be sent with it. */
export interface SealedRequest {
  readonly subject: string;
  /** The public curve key of the caller, to which the reply is sealed; without one it comes in the clear. */
  readonly sealTo?: string;
  readonly body: unknown;
}

/** A request and its reply on the wire, and how to read the second. */
export interface Envelope {
  readonly text: string;
  /** The reply's JSON; a refusal of what could not be opened comes in the clear. Throws SEAL_UNREADABLE. */
  read(reply: string): unknown;
}

/** Seals a request to the fleet's key, and its reply to a key that lives as long as the request. */
export function envelope(fleetKey: string, subject: string, body: unknown): Envelope {
  const own = createSealKey();
  const request: SealedRequest = { subject, sealTo: own.publicKey, body };
  return {
    text: JSON.stringify({ sealed: sealTo(fleetKey, JSON.stringify(request)) }),
    read(reply) {
      const answer = JSON.parse(reply) as { readonly sealed?: SealedText; readonly ok?: unknown };
      if (answer.sealed !== undefined) return JSON.parse(own.open(answer.sealed)) as unknown;
      if (answer.ok === false) return answer;
      throw new HoldfastError({
        code: "SEAL_UNREADABLE",
        message: `The reply to ${subject} is not sealed, so another program than the node may have written it.`,
        next: "Look who else may answer on this NATS server before you send anything to it.",
      });
    },
  };
}

/** Asks once, in the clear. A library's own text of a silence says neither who is silent, nor what to do. */
async function askOnce(
  nats: Broker,
  { subject, text, timeoutMs }: { subject: string; text: string; timeoutMs: number },
): Promise<string> {
  try {
    return (await nats.request(subject, text, { timeout: timeoutMs })).string();
  } catch (cause) {
    throw new HoldfastError({
      code: "NODE_UNAVAILABLE",
      message: `No node answers ${subject}, asked for ${timeoutMs / 1000} s at most.`,
      next: "It may be starting or busy: try again in a few seconds, or look at: npx holdfast doctor",
      policy: "retryable",
      cause,
    });
  }
}

/** Asks once, sealed. Throws NODE_UNAVAILABLE and SEAL_UNREADABLE. */
export async function requestSealed(
  nats: Broker,
  fleetKey: string,
  { subject, body, timeoutMs }: { subject: string; body: unknown; timeoutMs: number },
): Promise<unknown> {
  const sealed = envelope(fleetKey, subject, body);
  return sealed.read(await askOnce(nats, { subject, text: sealed.text, timeoutMs }));
}

/** The fleet's public sealing key, as any of its nodes says. Throws NODE_UNAVAILABLE and SEAL_UNKNOWN. */
export async function askSealKey(nats: Broker, timeoutMs: number): Promise<string> {
  const reply = await askOnce(nats, { subject: "holdfast.fleet.sealing", text: "{}", timeoutMs });
  const { key, code, message, next } = JSON.parse(reply) as Readonly<
    Record<string, string | undefined>
  >;
  if (typeof key === "string") return key;
  if (code !== undefined && code !== "COMMAND_UNKNOWN") {
    throw new HoldfastError({
      code,
      message: message ?? "The node refused to tell the key to seal to.",
      ...(next === undefined ? {} : { next }),
    });
  }
  throw new HoldfastError({
    code: "SEAL_UNKNOWN",
    message: "The node tells no key to seal to; nothing was sent to it.",
    next: "Bring every host to this version, or look at: npx holdfast status",
  });
}
