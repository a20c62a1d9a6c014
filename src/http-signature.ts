import { createHmac } from "node:crypto";

/**
 * Headers by which a receiver knows who posted a body, and when: `X-Holdfast-Timestamp` in seconds since 1970, and
 * `X-Holdfast-Signature: sha256=<hex>`, the HMAC-SHA256 of the timestamp, a dot and the body.
 * @param nowMs wall clock
 */
export function signedHeaders(
  secret: string,
  body: string,
  nowMs: number,
): { readonly "x-holdfast-timestamp": string; readonly "x-holdfast-signature": string } {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return { "x-holdfast-timestamp": timestamp, "x-holdfast-signature": `sha256=${signature}` };
}
