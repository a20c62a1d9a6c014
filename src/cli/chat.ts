import { wait } from "../concurrency/wait.ts";
import type { Clock } from "../concurrency/clock.ts";
import { readMenuNumber } from "../inputs/menu-number.ts";
import { type ControlAccess, control, ControlRefusal } from "../embedded/control-api.ts";

export interface ChatOptions {
  /** Plays the phones of the simulated Telegram. */
  readonly phones: ControlAccess;
  /** Whom the person writes to: a user's id or name. */
  readonly peer: string;
  /** The person's user name; made if there is none. */
  readonly as: string;
  /** What the person types: a text, or the number of a button. */
  readonly lines: AsyncIterable<string>;
  readonly clock: Pick<Clock, "schedule">;
  print(line: string): void;
}

interface Message {
  readonly id: number;
  readonly text: string;
  /** The kind of file that comes with it. */
  readonly media?: string;
  readonly buttons: readonly (readonly { readonly text: string }[])[];
}

const replyMsMax = 30_000;
const pollMs = 20_000;
/** Further replies to the same message come within this. */
const moreMs = 1_000;

/**
 * A chat in the terminal with an account of the simulated Telegram, until `lines` end. Resolves with the number of
 * lines that nothing answered in time. Throws the refusals of the control API.
 */
export async function chat(options: ChatOptions): Promise<number> {
  const { phones, peer, clock, print } = options;
  const ending = new AbortController();
  const me = await personOf(phones, options.as);
  const of = (path: string) => `/users/${me}/${path}peer=${encodeURIComponent(peer)}`;
  const { messages } = await control<{ messages: readonly Message[] }>(
    phones,
    "GET",
    of("messages?limit=1&"),
  );
  let seen = messages.at(-1)?.id ?? 0;
  let pressable: { readonly id: number; readonly labels: readonly string[] } | null = null;
  let heard = 0;
  let onHeard = () => {};

  function show({ id, text, media, buttons }: Message): void {
    const labels = buttons.flat().map((button) => button.text);
    if (labels.length > 0) pressable = { id, labels };
    const [first = "", ...rest] = (text || `(${media ?? "no text"})`).split("\n");
    print([`← ${first}`, ...rest.map((line) => `  ${line}`)].join("\n"));
    labels.forEach((label, index) => print(`  ${index + 1}. [${label}]`));
  }

  /** Until the end of the chat. Rejects with the refusals of the control API. */
  async function listen(): Promise<void> {
    while (!ending.signal.aborted) {
      const path = of(`messages/next?after=${seen}&waitMs=${pollMs}&`);
      const { message } = await control<{ message: Message | null }>(
        phones,
        "GET",
        path,
        undefined,
        ending.signal,
      );
      if (message === null) continue;
      seen = message.id;
      heard += 1;
      show(message);
      onHeard();
    }
  }

  async function act(line: string): Promise<void> {
    const label = pressable?.labels[(readMenuNumber(line) ?? 0) - 1];
    if (pressable === null || label === undefined) {
      await control(phones, "POST", `/users/${me}/send`, { peer, text: line });
      return;
    }
    const body = { peer, messageId: pressable.id, button: label };
    await control(phones, "POST", `/users/${me}/press`, body);
  }

  /** False: nothing came in time. */
  async function answered(before: number): Promise<boolean> {
    const came = new AbortController();
    onHeard = () => came.abort();
    if (heard === before) await wait(clock, replyMsMax, came.signal);
    return heard > before;
  }

  const listening = listen().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  let unanswered = 0;
  const talking = (async () => {
    for await (const typed of options.lines) {
      const line = typed.trim();
      if (line === "") continue;
      const before = heard;
      await act(line);
      if (await answered(before)) continue;
      unanswered += 1;
      print(`(nothing came within ${replyMsMax / 1000} s)`);
    }
    if (heard > 0) await wait(clock, moreMs);
  })();
  try {
    await Promise.race([talking, listening.then(() => talking)]);
  } finally {
    ending.abort();
    await listening.catch(() => undefined);
  }
  return unanswered;
}

/** The person's id. */
async function personOf(phones: ControlAccess, as: string): Promise<string> {
  try {
    return (await control<{ id: string }>(phones, "GET", `/users/${encodeURIComponent(as)}`)).id;
  } catch (error) {
    if (!(error instanceof ControlRefusal) || error.code !== "UNKNOWN_USER") throw error;
    const body = { firstName: as, username: as };
    return (await control<{ id: string }>(phones, "POST", "/users", body)).id;
  }
}
