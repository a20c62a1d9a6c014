import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { errorLine, HoldfastError } from "../../errors.ts";

export interface CommandHandlers {
  status(): Promise<Readonly<Record<string, unknown>>>;
  run(account: string, verb: string, body: unknown): Promise<Readonly<Record<string, unknown>>>;
}

const statusSubject = "holdfast.status";
const accountSubject = "holdfast.account.*.*";
/** Published by the node itself, and so not a command. */
const eventVerb = "event";

/**
 * Answers `holdfast.status` and `holdfast.account.<name>.<verb>` with JSON: `{"ok": true, …}`, or
 * `{"ok": false, "code", "message", "next"}`. Returns the function that stops listening.
 */
export function serveCommands(nats: NatsConnection, handlers: CommandHandlers): () => void {
  const status = nats.subscribe(statusSubject, {
    callback: (_error, message) => void answer(message, () => handlers.status()),
  });
  const account = nats.subscribe(accountSubject, {
    callback: (_error, message) => {
      const [, , name, verb] = message.subject.split(".") as [string, string, string, string];
      if (verb === eventVerb) return;
      void answer(message, async () => handlers.run(name, verb, bodyOf(message)));
    },
  });
  return () => {
    status.unsubscribe();
    account.unsubscribe();
  };
}

async function answer(
  message: Msg,
  work: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const reply = await work().catch((error: unknown) => ({
    ok: false,
    code: error instanceof HoldfastError ? error.code : "UNEXPECTED",
    message: error instanceof HoldfastError ? error.message : errorLine(error),
    next: error instanceof HoldfastError ? error.next : undefined,
  }));
  message.respond(JSON.stringify(reply));
}

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
