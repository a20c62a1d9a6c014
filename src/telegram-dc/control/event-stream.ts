import type { ServerResponse } from "node:http";
import { securityHeaders } from "../../http-guard.ts";
import type { Clock } from "../world/clock.ts";
import type { Phone } from "../world/phone/phone-port.ts";
import { messageToWire } from "./wire.ts";

/** A reader with more unsent bytes than this is too slow and is disconnected. */
const unsentBytesMax = 4 * 1024 * 1024;

/** Server-sent events: `message` and `edit`, each with {userId, message}. */
export function streamEvents(phone: Phone, clock: Clock, response: ServerResponse): void {
  response.writeHead(200, { ...securityHeaders, "content-type": "text/event-stream" });
  response.write(`: telegram-dc events since ${clock.nowMs()}\n\n`);
  const end = phone.subscribe(({ kind, userId, message }) => {
    const data = JSON.stringify({ userId: String(userId), message: messageToWire(message) });
    response.write(`event: ${kind}\ndata: ${data}\n\n`);
    if (response.writableLength > unsentBytesMax) response.destroy();
  });
  response.once("close", end);
}
