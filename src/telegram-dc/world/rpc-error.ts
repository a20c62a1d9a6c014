/**
 * An error answer of the simulated data centre. Names and numbers are Telegram's
 * (https://core.telegram.org/api/errors); `docs/telegram-truth.md` tells documented ones from
 * assumed ones.
 */
export class RpcError extends Error {
  readonly code: number;
  /** Telegram's own name of the error, such as `PHONE_CODE_INVALID`. */
  readonly text: string;

  constructor(code: number, text: string) {
    super(`${code} ${text}`);
    this.name = "RpcError";
    this.code = code;
    this.text = text;
  }
}

/** 400: the request is wrong. */
export function badRequest(text: string): RpcError {
  return new RpcError(400, text);
}

/** 401: the key, or the account behind it, may not make this request. */
export function unauthorised(text: string): RpcError {
  return new RpcError(401, text);
}

/** 420: try again after so many seconds. */
export function floodWait(seconds: number): RpcError {
  return new RpcError(420, `FLOOD_WAIT_${seconds}`);
}
