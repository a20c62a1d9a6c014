import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { errorCodeOf, errorLine, HoldfastError, policyOf } from "../../errors.ts";
import type { AccountEvent } from "../../ports/accounts/event-sink.ts";
import type { CommandSealing } from "../crypto/sealed-commands.ts";
import { readBody, refuseHostile } from "./command-body.ts";
import { speakerKey } from "./request-speaker.ts";

type Reply = Readonly<Record<string, unknown>>;
type Body = Readonly<Record<string, unknown>>;

/** `key`: the public key of the one who asks, as the broker says; null: it does not say. */
export interface CommandHandlers {
  /** What any node can answer for the whole fleet: `status`, `who`, `force`, … */
  fleet(verb: string, body: Body, key: string | null): Promise<Reply>;
  /** A command to an account that runs here. */
  run(account: string, verb: string, body: Body, key: string | null): Promise<Reply | null>;
  /** A command to an account that may run elsewhere; null when its own node answers. */
  fallback(account: string, verb: string, body: Body, key: string | null): Promise<Reply | null>;
  /** A command that every node answers for itself. */
  everyone(verb: string, body: Body, key: string | null): Promise<Reply>;
}

export interface CommandServer {
  /** Answers the commands of one account until the returned function is called. */
  serveAccount(name: string): () => void;
  stop(): void;
}

const statusSubject = "holdfast.status";
const fleetSubject = "holdfast.fleet.*";
const everyoneSubject = "holdfast.nodes.*";
const accountSubject = "holdfast.account.*.*";
/** Of the nodes in one queue, one gets each message. */
const queue = "nodes";
/** Published by the node itself, and so not a command. */
const eventVerb = "event";
/** Commands that are worked on at a time; each may hold memory and wait for Telegram. */
const underWayMax = 1_000;

type Work = (body: Body, key: string | null) => Promise<Reply | null>;

/**
 * Answers `holdfast.account.<name>.<verb>` for the accounts that run here, and, as one of the fleet's nodes,
 * `holdfast.status`, `holdfast.fleet.<verb>`, as every one of them `holdfast.nodes.<verb>`, and commands to accounts
 * that run nowhere. Answers are JSON: `{"ok": true, …}`, or `{"ok": false, "code", "message", "next", "policy"}`, with
 * `waitSeconds` where a wait is known. Every command is answered, whatever its bytes. A request may be sealed, and its
 * answer then is.
 */
export function serveCommands(
  nats: NatsConnection,
  handlers: CommandHandlers,
  sealing: CommandSealing,
): CommandServer {
  const parts = (subject: string) => subject.split(".") as [string, string, string, string];
  let underWay = 0;

  /** Never rejects. */
  async function answer(message: Msg, verb: string, work: Work): Promise<void> {
    underWay += 1;
    try {
      const bytesMax = nats.info?.max_payload ?? Number.POSITIVE_INFINITY;
      const isBusy = underWay > underWayMax;
      const reply = await replyTo(message, verb, work, { sealing, isBusy, bytesMax });
      if (reply !== null) message.respond(reply);
    } catch {
      // The connection is gone, and with it the one who asked.
    } finally {
      underWay -= 1;
    }
  }

  const subscriptions = [
    nats.subscribe(statusSubject, {
      queue,
      callback: (_error, message) =>
        void answer(message, "status", (body, key) => handlers.fleet("status", body, key)),
    }),
    nats.subscribe(fleetSubject, {
      queue,
      callback(_error, message) {
        const verb = parts(message.subject)[2];
        void answer(message, verb, (body, key) => handlers.fleet(verb, body, key));
      },
    }),
    nats.subscribe(everyoneSubject, {
      callback(_error, message) {
        const verb = parts(message.subject)[2];
        void answer(message, verb, (body, key) => handlers.everyone(verb, body, key));
      },
    }),
    nats.subscribe(accountSubject, {
      queue,
      callback(_error, message) {
        const [, , name, verb] = parts(message.subject);
        if (verb === eventVerb) return;
        void answer(message, verb, (body, key) => handlers.fallback(name, verb, body, key));
      },
    }),
  ];
  return {
    serveAccount(name) {
      const subscription = nats.subscribe(`holdfast.account.${name}.*`, {
        callback(_error, message) {
          const verb = parts(message.subject)[3];
          if (verb === eventVerb) return;
          void answer(message, verb, (body, key) => handlers.run(name, verb, body, key));
        },
      });
      return () => subscription.unsubscribe();
    },
    stop() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

/** Publishes on `holdfast.account.<name>.event`; with NATS away the event stays in the database alone. */
export function publishEvent(nats: NatsConnection, event: AccountEvent): void {
  if (nats.isClosed() || nats.isDraining()) return;
  nats.publish(`holdfast.account.${event.account}.event`, JSON.stringify(event));
}

interface Answering {
  readonly sealing: CommandSealing;
  readonly isBusy: boolean;
  /** The longest answer that NATS carries. */
  readonly bytesMax: number;
}

/** The answer as it goes out; null: another node answers. */
async function replyTo(
  message: Msg,
  verb: string,
  work: Work,
  { sealing, isBusy, bytesMax }: Answering,
): Promise<Uint8Array | null> {
  let replyText = sealing.inTheClear;
  try {
    if (isBusy) throw busy();
    const { subject } = message;
    refuseHostile({ subject });
    const request = sealing.open({ subject, verb, given: readBody(message.data) });
    replyText = request.reply;
    // What was sealed has the bounds of what comes in the clear.
    const body = readBody(Buffer.from(JSON.stringify(request.body ?? {})));
    const reply = await work(body, speakerKey(message.headers));
    if (reply === null) return null;
    const bytes = Buffer.from(replyText(reply));
    if (bytes.length > bytesMax) throw tooLong(bytes.length, bytesMax);
    return bytes;
  } catch (error) {
    return Buffer.from(replyText(refusal(error)));
  }
}

const refusal = (error: unknown): Reply => ({
  ok: false,
  code: errorCodeOf(error),
  message: errorMessage(error),
  next:
    (error instanceof HoldfastError ? error.next : undefined) ??
    "See what the node says about it: npx holdfast logs",
  policy: policyOf(error),
  waitSeconds: error instanceof HoldfastError ? error.waitSeconds : undefined,
});

const errorMessage = (error: unknown): string =>
  error instanceof HoldfastError ? error.message : errorLine(error);

const busy = () =>
  new HoldfastError({
    code: "COMMANDS_BUSY",
    message: `This node works on ${underWayMax} commands already; nothing was done.`,
    next: "Try again in a few seconds.",
    policy: "retryable",
  });

const tooLong = (bytes: number, bytesMax: number) =>
  new HoldfastError({
    code: "REPLY_TOO_LONG",
    message: `The answer has ${bytes} bytes, and NATS carries ${bytesMax} in one message; what was asked was done.`,
    next: "Ask for less at once, for instance by a smaller limit; lists then go on by the cursor in their answer.",
  });
