import { connect, type Socket } from "node:net";
import { HoldfastError } from "../errors.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { LedgerPart } from "../ports/custody/ledger-store.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  readLine,
  readLines,
  type Verdict,
  writeLine,
} from "./wire.ts";

export interface GateClientOptions {
  readonly path: string;
  readonly secret: string;
  readonly incarnation: string;
  readonly host: string;
  /** The gate is gone: nothing may be done any more. */
  onLost(): void;
}

export interface GateClient extends Gate {
  /** The gate's own figures, for the node's metrics. */
  figures(): Promise<Readonly<Record<string, number>>>;
  /** `stored`: the lines of the last answer are; answers those that are not. */
  journal(stored: boolean): Promise<LedgerPart>;
  close(): void;
}

type Asked = ControlRequest extends infer R
  ? R extends { id: number }
    ? Omit<R, "id">
    : never
  : never;

/** Connects to the gate that started this node. Throws GATE_LOST when it is not there. */
export async function connectGate(options: GateClientOptions): Promise<GateClient> {
  const { path, secret } = options;
  const control = await reach(path);
  const waiting = new Map<number, (answer: ControlAnswer) => void>();
  let lastId = 0;
  let closing = false;
  writeLine(control, { kind: "control", secret });
  await readLine(control);
  readLines(control, (line) => {
    const answer = JSON.parse(line) as ControlAnswer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  control.once("close", () => {
    for (const [id, answer] of waiting) answer({ id, ok: false, code: "GATE_LOST" });
    waiting.clear();
    if (!closing) options.onLost();
  });

  async function ask(request: Asked): Promise<unknown> {
    if (control.destroyed) throw gateLost();
    const id = (lastId += 1);
    const answer = await new Promise<ControlAnswer>((resolve) => {
      waiting.set(id, resolve);
      writeLine(control, { id, ...request });
    });
    if (!answer.ok) throw refusal(answer);
    return answer.value;
  }

  return {
    incarnation: options.incarnation,
    host: options.host,
    async dial({ account, slot, epoch, keyId, proxy = null }, to, when = Promise.resolve()) {
      if (control.destroyed) throw gateLost();
      const stream = connect({ path });
      const permit = { account, slot, epoch, keyId, proxy };
      // The client's first bytes go out with it.
      stream.cork();
      writeLine(stream, { kind: "dial", secret, permit, to });
      const opened = verdictOn(stream);
      opened.catch(() => undefined);
      void when.then(() => process.nextTick(() => stream.uncork()));
      return { stream, opened };
    },
    async cut({ account, slot, epoch }, { idle } = { idle: false }) {
      const from = performance.now();
      await ask({ op: "cut", grant: { account, slot, epoch }, idle });
      return { sockets: 0, tookMs: performance.now() - from };
    },
    async sockets({ account, slot }) {
      return (await ask({ op: "sockets", slot: { account, slot } })) as number;
    },
    async figures() {
      return (await ask({ op: "figures" })) as Readonly<Record<string, number>>;
    },
    async journal(stored) {
      return (await ask({ op: "journal", stored })) as LedgerPart;
    },
    close() {
      closing = true;
      control.destroy();
    },
  };
}

function reach(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("error", (cause) => reject(gateLost(cause)));
    socket.once("connect", () => {
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

async function verdictOn(socket: Socket): Promise<void> {
  let isReached = false;
  let failure: unknown;
  socket.once("connect", () => (isReached = true));
  socket.on("error", (error) => (failure = error));
  const line = await readLine(socket).catch((error: unknown) => {
    // Without a failure its own client has ended it.
    throw isReached || failure === undefined ? error : gateLost(failure);
  });
  const verdict = JSON.parse(line) as Verdict;
  if (verdict.ok) return;
  socket.destroy();
  throw refusal(verdict);
}

function refusal({ code = "GATE_REFUSED", message = "The gate refused.", next }: Verdict) {
  return new HoldfastError({ code, message, ...(next === undefined ? {} : { next }) });
}

function gateLost(cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "GATE_LOST",
    message: "The gate of this node is gone, and with it every connection to Telegram.",
    next: "The node ends; holdfast start brings both back.",
    cause,
  });
}
