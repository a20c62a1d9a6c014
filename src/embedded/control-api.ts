import { askNear, isGood } from "./near-request.ts";
import type { RunInfo } from "./run-info.ts";

/** The control API of a simulated Telegram, and the token that it asks for. */
export interface ControlAccess {
  readonly url: string;
  readonly token: string;
}

/** That of a running service with the embedded Telegram; null with Telegram itself. */
export const controlOf = ({
  telegramControl: url,
  telegramControlToken: token,
}: Pick<RunInfo, "telegramControl" | "telegramControlToken">): ControlAccess | null =>
  url === null || token === null ? null : { url, token };

/** Calls the control API; throws `ControlRefusal` with the API's own code when it refuses. */
export async function control<T>(
  { url, token }: ControlAccess,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const told = await askNear(new URL(path, url), {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal,
  });
  const answer = JSON.parse(told.text) as T & { readonly code?: string };
  if (!isGood(told)) throw new ControlRefusal(path, answer.code ?? String(told.status));
  return answer;
}

/** A refusal of the control API. */
export class ControlRefusal extends Error {
  readonly code: string;
  constructor(path: string, code: string) {
    super(`telegram-dc refused ${path}: ${code}`);
    this.code = code;
  }
}
