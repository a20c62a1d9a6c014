import { type ControlAccess, control, ControlRefusal } from "../embedded/control-api.ts";

/** A person with a phone, played through telegram-dc's control API. */
export interface PhoneUser {
  readonly id: string;
  /** Writes to the account and waits for the reply. */
  say(text: string): Promise<PhoneReply>;
  /** Sends a photo with a caption, which may be empty. */
  sendPhoto(bytes: Uint8Array, caption: string): Promise<PhoneReply>;
  /**
   * Presses the button with that label under the newest reply; presses again if the bot did not
   * answer in time.
   */
  press(label: string): Promise<PhoneReply>;
  /** Presses a button and waits for the bot's answer only, not for a reply. */
  tap(messageId: number, label: string): Promise<void>;
  /** The first reply after a message, past or future. */
  reply(after: number): Promise<PhoneReply>;
  /** The newest reply seen by `say`, `press` or `reply`. */
  newest(): PhoneReply;
  /** The texts of all messages from the account. */
  received(): Promise<readonly string[]>;
}

export interface PhoneReply {
  readonly id: number;
  readonly text: string;
  readonly labels: readonly string[];
  readonly sentAtMs: number;
  readonly repliedAtMs: number;
}

interface WireMessage {
  readonly isOutgoing: boolean;
  readonly id: number;
  readonly text: string;
  readonly buttons: readonly (readonly { readonly text: string }[])[];
}

const replyWaitMs = 30_000;
const pressTriesMax = 5;

/** Creates the user; `account` is the username of its conversation partner. */
export async function createPhoneUser(
  base: ControlAccess,
  name: string,
  account: string,
): Promise<PhoneUser> {
  const { id } = await control<{ id: string }>(base, "POST", "/users", { firstName: name });
  let newest: PhoneReply = { id: 0, text: "", labels: [], sentAtMs: 0, repliedAtMs: 0 };

  async function reply(after: number, sentAtMs = Date.now()): Promise<PhoneReply> {
    const query = `after=${after}&peer=${account}&waitMs=${replyWaitMs}`;
    const path = `/users/${id}/messages/next?${query}`;
    const { message } = await control<{ message: WireMessage | null }>(base, "GET", path);
    if (message === null) throw new NoReply(name, replyWaitMs);
    const labels = message.buttons.flat().map((button) => button.text);
    newest = { id: message.id, text: message.text, labels, sentAtMs, repliedAtMs: Date.now() };
    return newest;
  }

  async function turn(act: () => Promise<unknown>): Promise<PhoneReply> {
    const after = newest.id;
    const sentAtMs = Date.now();
    await act();
    return reply(after, sentAtMs);
  }

  /** Presses again if the bot did not answer in time, as a person would. */
  async function tap(messageId: number, label: string): Promise<void> {
    const body = { peer: account, messageId, button: label };
    for (let tries = 1; ; tries += 1) {
      try {
        await control(base, "POST", `/users/${id}/press`, body);
        return;
      } catch (error) {
        const late = error instanceof ControlRefusal && error.code === "BOT_RESPONSE_TIMEOUT";
        if (!late || tries === pressTriesMax) throw error;
      }
    }
  }

  return {
    id,
    say: (text) => turn(() => control(base, "POST", `/users/${id}/send`, { peer: account, text })),
    sendPhoto: (bytes, text) =>
      turn(() => {
        const fileBase64 = Buffer.from(bytes).toString("base64");
        return control(base, "POST", `/users/${id}/send`, { peer: account, text, fileBase64 });
      }),
    press: (label) => turn(() => tap(newest.id, label)),
    tap,
    reply,
    newest: () => newest,
    async received() {
      const path = `/users/${id}/messages?peer=${account}&limit=1000`;
      const { messages } = await control<{ messages: readonly WireMessage[] }>(base, "GET", path);
      return messages.filter(({ isOutgoing }) => !isOutgoing).map(({ text }) => text);
    },
  };
}

class NoReply extends Error {
  constructor(name: string, waitedMs: number) {
    super(`${name} got no reply within ${waitedMs / 1000} s`);
  }
}
