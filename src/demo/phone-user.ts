/** A person with a phone, played through telegram-dc's control API. */
export interface PhoneUser {
  readonly id: string;
  /** Writes to the account and waits for what comes back. */
  say(text: string): Promise<PhoneReply>;
  /** Presses the button with that label under the newest reply, again if the bot did not answer in time. */
  press(label: string): Promise<PhoneReply>;
}

export interface PhoneReply {
  readonly text: string;
  readonly labels: readonly string[];
  readonly sentAtMs: number;
  readonly repliedAtMs: number;
}

interface WireMessage {
  readonly id: number;
  readonly text: string;
  readonly buttons: readonly (readonly { readonly text: string }[])[];
}

const replyWaitMs = 30_000;
const pressTriesMax = 5;

/** Calls the control API; throws with its own words when it refuses. */
export async function control<T>(
  base: string,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(new URL(path, base), {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const answer = (await response.json()) as T & { readonly code?: string; readonly error?: string };
  if (!response.ok) throw new ControlRefusal(path, answer.code ?? String(response.status));
  return answer;
}

class ControlRefusal extends Error {
  readonly code: string;
  constructor(path: string, code: string) {
    super(`telegram-dc refused ${path}: ${code}`);
    this.code = code;
  }
}

/** Creates the user; `account` is the username that it talks to. */
export async function createPhoneUser(
  base: string,
  name: string,
  account: string,
): Promise<PhoneUser> {
  const { id } = await control<{ id: string }>(base, "POST", "/users", { firstName: name });
  let newest: WireMessage = { id: 0, text: "", buttons: [] };

  async function turn(act: () => Promise<unknown>): Promise<PhoneReply> {
    const after = newest.id;
    const sentAtMs = Date.now();
    await act();
    const query = `after=${after}&peer=${account}&waitMs=${replyWaitMs}`;
    const path = `/users/${id}/messages/next?${query}`;
    const { message } = await control<{ message: WireMessage | null }>(base, "GET", path);
    if (message === null) throw new NoReply(name, replyWaitMs);
    newest = message;
    const labels = message.buttons.flat().map((button) => button.text);
    return { text: message.text, labels, sentAtMs, repliedAtMs: Date.now() };
  }

  async function pressOnce(label: string): Promise<void> {
    const messageId = newest.id;
    const body = { peer: account, messageId, button: label };
    await control(base, "POST", `/users/${id}/press`, body);
  }

  return {
    id,
    say: (text) => turn(() => control(base, "POST", `/users/${id}/send`, { peer: account, text })),
    press: (label) =>
      turn(async () => {
        for (let tries = 1; ; tries += 1) {
          try {
            await pressOnce(label);
            return;
          } catch (error) {
            const late = error instanceof ControlRefusal && error.code === "BOT_RESPONSE_TIMEOUT";
            if (!late || tries === pressTriesMax) throw error;
          }
        }
      }),
  };
}

class NoReply extends Error {
  constructor(name: string, waitedMs: number) {
    super(`${name} got no reply within ${waitedMs / 1000} s`);
  }
}
