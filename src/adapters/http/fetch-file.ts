import { HoldfastError } from "../../errors.ts";

const readMsMax = 30_000;

/**
 * Reads a file by HTTP. Stops with the chunk that passes `bytesMax`.
 * @param credentials `user:password` for the server, or null
 * @throws HoldfastError MEDIA_UNAVAILABLE (retryable), MEDIA_GONE for 404 and 410
 */
export async function fetchFile(
  url: string,
  bytesMax: number,
  credentials: string | null,
): Promise<Uint8Array> {
  const authorization =
    credentials === null
      ? {}
      : { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
  let answer: Response;
  const chunks: Uint8Array[] = [];
  try {
    answer = await fetch(url, { headers: authorization, signal: AbortSignal.timeout(readMsMax) });
    if (answer.ok) {
      let length = 0;
      for await (const chunk of answer.body ?? []) {
        chunks.push(chunk as Uint8Array);
        length += (chunk as Uint8Array).length;
        if (length > bytesMax) break;
      }
    }
  } catch (cause) {
    throw unavailable(cause);
  }
  if (answer.ok) return Buffer.concat(chunks);
  await answer.body?.cancel();
  if (answer.status === 404 || answer.status === 410) throw gone(answer.status);
  throw unavailable(new Error(`the server answered ${answer.status}`));
}

const unavailable = (cause: unknown) =>
  new HoldfastError({
    code: "MEDIA_UNAVAILABLE",
    message: `The file cannot be read just now: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "It is tried again; see that the server that keeps it answers, and HOLDFAST_WEBHOOK_MEDIA_AUTH.",
    policy: "retryable",
    cause,
  });

const gone = (status: number) =>
  new HoldfastError({
    code: "MEDIA_GONE",
    message: `The file is not there any more: the server answered ${status}.`,
    next: "Ask the user to send it again.",
  });
