import type { NatsConnection } from "@nats-io/transport-node";
import type { FenceRequest, FleetBus, FleetNews } from "../../ports/custody/fleet-bus.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";

const newsSubject = "holdfast.custody.news";
const fenceSubject = (incarnation: string): string => `holdfast.custody.fence.${incarnation}`;
/** Before the signature, in the answer of a gate that has cut. */
const cutAnswer = "cut ";

/**
 * The bus over NATS. Malformed messages are ignored: they can only be hints, and hints may get
 * lost.
 */
export function createFleetBus(
  nats: NatsConnection,
  { fenceTimeoutMs }: { readonly fenceTimeoutMs: number },
): FleetBus {
  return {
    tell(news) {
      if (!nats.isClosed()) nats.publish(newsSubject, JSON.stringify(news));
    },
    onNews(listener) {
      const subscription = nats.subscribe(newsSubject, {
        callback: (_error, message) => {
          const news = parse(message.string(), isNews);
          if (news !== null) listener(news);
        },
      });
      return () => subscription.unsubscribe();
    },
    async fence(incarnation, request) {
      try {
        const answer = await nats.request(fenceSubject(incarnation), JSON.stringify(request), {
          timeout: fenceTimeoutMs,
        });
        const text = answer.string();
        return text.startsWith(cutAnswer) ? text.slice(cutAnswer.length) : null;
      } catch {
        return null;
      }
    },
    onFence(incarnation, handler) {
      const subscription = nats.subscribe(fenceSubject(incarnation), {
        callback: (_error, message) => {
          const request = parse(message.string(), isFence);
          if (request === null) return;
          handler(request).then(
            (signature) => message.respond(`${cutAnswer}${signature}`),
            () => message.respond("failed"),
          );
        },
      });
      return () => subscription.unsubscribe();
    },
  };
}

function parse<Value>(text: string, is: (value: unknown) => value is Value): Value | null {
  try {
    const value = JSON.parse(text) as unknown;
    return is(value) ? value : null;
  } catch {
    return null;
  }
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;

function isGrant(value: unknown): value is GrantRef {
  return (
    isObject(value) &&
    typeof value["account"] === "string" &&
    Number.isInteger(value["slot"]) &&
    Number.isInteger(value["epoch"])
  );
}

function isNews(value: unknown): value is FleetNews {
  if (!isObject(value)) return false;
  switch (value["type"]) {
    case "freed":
    case "taken":
      return isGrant(value);
    case "let-go":
      return (
        typeof value["incarnation"] === "string" &&
        Array.isArray(value["grants"]) &&
        value["grants"].every(isGrant)
      );
    case "ended":
      return typeof value["incarnation"] === "string" && typeof value["host"] === "string";
    case "accounts":
      return true;
    case "replies":
      return typeof value["account"] === "string";
    case "forgotten":
      return ["channel", "account", "chatUser"].every((name) => typeof value[name] === "string");
    case "partition-free":
      return Number.isInteger(value["partition"]);
    default:
      return false;
  }
}

function isFence(value: unknown): value is FenceRequest {
  if (!isObject(value)) return false;
  return value["type"] === "everything" || (value["type"] === "token" && isGrant(value["grant"]));
}
