import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { errorLine } from "../../errors.ts";
import { boundServer, securityHeaders } from "../../http-guard.ts";
import { listenAt } from "../../http-listen.ts";
import { isDeliveryReport } from "./items.ts";

/** The outcome of a request, for the metrics. */
export type WebhookOutcome =
  | "taken"
  | "report"
  | "unsigned"
  | "malformed"
  | "too-large"
  | "unavailable";

export interface WebhookServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The address that the provider posts to, exactly as in its signature. */
  readonly url: string;
  readonly secret: string;
  /**
   * Resolves with null when the message is stored, or with its fault. Rejects when storing failed.
   * @param digest SHA-256 of what was signed, as hex: the same however its fields are cut
   */
  take(fields: URLSearchParams, digest: string): Promise<{ readonly fault: string } | null>;
  onRequest(outcome: WebhookOutcome): void;
}

export interface WebhookServer {
  readonly port: number;
  /** Answers the requests under way first. */
  close(): Promise<void>;
}

/** A message with its fields; files come by reference. */
const bodyBytesMax = 128 * 1024;
const emptyAnswer = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>';

/**
 * Takes a provider's posts: form-encoded, signed by `X-Twilio-Signature`. Answers 200 only once the message is stored.
 * A delivery report is no message: it is counted. Answers 503 if a later attempt may work, so that the provider posts
 * it again.
 */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const server = createServer((request, response) => {
    void respond(options, request).then(({ outcome, status, type, body }) => {
      options.onRequest(outcome);
      response.writeHead(status, { ...securityHeaders, "content-type": type });
      response.end(body);
      if (outcome === "too-large") request.destroy();
    });
  });
  boundServer(server);
  await listenAt(server, { ...options, variable: "HOLDFAST_WEBHOOK_PORT" });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

interface Response {
  readonly outcome: WebhookOutcome;
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function respond(options: WebhookServerOptions, request: IncomingMessage): Promise<Response> {
  const plain = (outcome: WebhookOutcome, status: number, line: string): Response => ({
    outcome,
    status,
    type: "text/plain; charset=utf-8",
    body: `${line}\n`,
  });
  if (request.method !== "POST") return plain("malformed", 405, "Post messages here.");
  const body = await bodyOf(request);
  if (body === "too-large") {
    return plain("too-large", 413, `Nothing was taken: more than ${bodyBytesMax} bytes.`);
  }
  if (body === "cut-off") return plain("malformed", 400, "Nothing was taken: it was cut off.");
  const fields = new URLSearchParams(body.text);
  const given = request.headers["x-twilio-signature"];
  const signed = signedText(options.url, fields);
  if (!isSigned(signed, options.secret, typeof given === "string" ? given : "")) {
    return plain(
      "unsigned",
      403,
      "Nothing was taken: the signature is not that of HOLDFAST_WEBHOOK_SECRET over HOLDFAST_WEBHOOK_URL and the fields.",
    );
  }
  if (isDeliveryReport(fields)) return accepted("report");
  try {
    const wrong = await options.take(fields, createHash("sha256").update(signed).digest("hex"));
    if (wrong !== null) return plain("malformed", 400, `Nothing was taken: ${wrong.fault}.`);
    return accepted("taken");
  } catch (error) {
    return plain("unavailable", 503, `Not stored, post it again: ${errorLine(error)}`);
  }
}

const accepted = (outcome: WebhookOutcome): Response => ({
  outcome,
  status: 200,
  type: "text/xml; charset=utf-8",
  body: emptyAnswer,
});

function bodyOf(
  request: IncomingMessage,
): Promise<{ readonly text: string } | "too-large" | "cut-off"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > bodyBytesMax) resolve("too-large");
      else chunks.push(chunk);
    });
    request.on("end", () => resolve({ text: Buffer.concat(chunks).toString("utf8") }));
    request.on("error", () => resolve("cut-off"));
    request.on("close", () => resolve("cut-off"));
  });
}

/**
 * The address and every field's name and value, sorted by name and then by value, without a mark between them
 * (https://www.twilio.com/docs/usage/security#validating-requests).
 */
function signedText(url: string, fields: URLSearchParams): string {
  const sorted = [...fields].toSorted(([a, one], [b, other]) => order(a, b) || order(one, other));
  return url + sorted.map(([name, value]) => name + value).join("");
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The signature is the HMAC-SHA1 of the text, in base64. */
function isSigned(text: string, secret: string, given: string): boolean {
  const right = Buffer.from(createHmac("sha1", secret).update(text, "utf8").digest("base64"));
  const shown = Buffer.from(given);
  return right.length === shown.length && timingSafeEqual(right, shown);
}
