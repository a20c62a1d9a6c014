import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { errorLine, HoldfastError } from "../../errors.ts";
import type { AccountEvent } from "../../ports/accounts/event-sink.ts";
import type { CommandSealing } from "../crypto/sealed-commands.ts";

type Reply = Readonly<Record<string, unknown>>;

export interface CommandHandlers {
  /** What any node can answer for the whole fleet: `status`, `who`, `force`, … */
  fleet(verb: string, body: unknown): Promise<Reply>;
  /** A command to an account that runs here. */
  run(account: string, verb: string, body: unknown): Promise<Reply | null>;
  /** A command to an account that may run elsewhere; null when its own node answers. */
  fallback(account: string, verb: string, body: unknown): Promise<Reply | null>;
  /** A command that every node answers for itself. */
  everyone(verb: string, body: unknown): Promise<Reply>;
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

/**
 * Answers `holdfast.account.<name>.<verb>` for the accounts that run here, and, as one of the fleet's nodes,
 * `holdfast.status`, `holdfast.fleet.<verb>`, as every one of them `holdfast.nodes.<verb>`, and commands to accounts
 * that run nowhere. Answers are JSON: `{"ok": true, …}`, or `{"ok": false, "code", "message", "next"}`. A request may
 * be sealed, and its answer then is.
 */
export function serveCommands(
  nats: NatsConnection,
  handlers: CommandHandlers,
  sealing: CommandSealing,
): CommandServer {
  const answer = answerer(sealing);
  const parts = (subject: string) => subject.split(".") as [string, string, string, string];
  const subscriptions = [
    nats.subscribe(statusSubject, {
      queue,
      callback: (_error, message) =>
        void answer(message, "status", (body) => handlers.fleet("status", body)),
    }),
    nats.subscribe(fleetSubject, {
      queue,
      callback(_error, message) {
        const verb = parts(message.subject)[2];
        void answer(message, verb, (body) => handlers.fleet(verb, body));
      },
    }),
    nats.subscribe(everyoneSubject, {
      callback(_error, message) {
        const verb = parts(message.subject)[2];
        void answer(message, verb, (body) => handlers.everyone(verb, body));
      },
    }),
    nats.subscribe(accountSubject, {
      queue,
      callback(_error, message) {
        const [, , name, verb] = parts(message.subject);
        if (verb === eventVerb) return;
        void answer(message, verb, (body) => handlers.fallback(name, verb, body));
      },
    }),
  ];
  return {
    serveAccount(name) {
      const subscription = nats.subscribe(`holdfast.account.${name}.*`, {
        callback(_error, message) {
          const verb = parts(message.subject)[3];
          if (verb === eventVerb) return;
          void answer(message, verb, (body) => handlers.run(name, verb, body));
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

type Work = (body: unknown) => Promise<Reply | null>;

/** Answers never reject. */
function answerer(sealing: CommandSealing) {
  return async (message: Msg, verb: string, work: Work): Promise<void> => {
    let replyText = sealing.inTheClear;
    try {
      const { subject } = message;
      const request = sealing.open({ subject, verb, given: bodyOf(message) });
      replyText = request.reply;
      const reply = await work(request.body);
      if (reply !== null) message.respond(replyText(reply));
    } catch (error) {
      message.respond(replyText(refusalOf(error)));
    }
  };
}

const refusalOf = (error: unknown): Reply => ({
  ok: false,
  code: error instanceof HoldfastError ? error.code : "UNEXPECTED",
  message: error instanceof HoldfastError ? error.message : errorLine(error),
  next: error instanceof HoldfastError ? error.next : undefined,
});

function bodyOf(message: Msg): unknown {
  const text = message.string();
  if (text === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new HoldfastError({
      code: "COMMAND_MALFORMED",
      message: `The body of ${message.subject} is not JSON; nothing was changed.`,
      next: "Send a JSON object, or nothing.",
      cause,
    });
  }
}
