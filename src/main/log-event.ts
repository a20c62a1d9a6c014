import type { Logger } from "pino";
import type { AccountEvent } from "../ports/event-sink.ts";

/** One line of the log for an event; a question's own content, such as the address of a QR code, stays out. */
export function logEvent(log: Logger, event: AccountEvent): void {
  switch (event.type) {
    case "transition":
      return log.info(event, `${event.from} → ${event.to}`);
    case "step":
      return log.info(event, `renewal ${event.renewal}: ${event.step}`);
    case "question": {
      const { account, question } = event;
      return log.info(
        { account, of: question.of, kind: question.kind },
        `${question.of} asks for a ${question.kind}`,
      );
    }
    case "note":
      return log.info(event, event.message);
  }
}
