import type { NatsConnection } from "@nats-io/transport-node";
import type { AccountEvent } from "../../ports/accounts/event-sink.ts";

/** Publishes on `holdfast.account.<name>.event`; with NATS away the event stays in the database alone. */
export function publishEvent(nats: NatsConnection, event: AccountEvent): void {
  if (nats.isClosed() || nats.isDraining()) return;
  nats.publish(`holdfast.account.${event.account}.event`, JSON.stringify(event));
}
