import type { Socket } from "node:net";
import { createAdmission, refusal } from "../custody/admission.ts";
import { wait } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { Endpoint, GrantRef, Permit } from "../ports/custody/gate.ts";
import type { SlotRef } from "../ports/custody/token-store.ts";
import { readFirstFrame } from "./first-frame.ts";
import { dial, type Way, wayTo } from "./first-hop.ts";
import { createWayProbe } from "./hop-probe.ts";
import type { JournalEntry } from "../custody/ledger-proof.ts";

export interface SocketTableOptions {
  /** Judged before each dial and each forwarded write. */
  mayAct(): boolean;
  journal(entry: JournalEntry): void;
  now(): number;
  /** Null while this gate is awake; as it wakes, when it was awake last, milliseconds since 1970. */
  asleepSinceMs(): number | null;
  readonly clock: Clock;
  /** How long after its cut a connection with requests under way is still taken to speak, in milliseconds. */
  readonly restMs: number;
  /** How long Telegram may work on a request whose connection it has not seen close, in milliseconds. */
  readonly answerMs: number;
  /** By default a connection that carries nothing. */
  readonly wayIsThere?: (way: Way) => Promise<boolean>;
}

/** Every socket to Telegram of this host. Nothing else dials. */
export interface SocketTable {
  /** Pipes `client` to Telegram once the far side is there; the client's first bytes may be `head`. */
  dial(permit: Permit, to: Endpoint, client: Socket): Promise<void>;
  /** `idle`: every request was answered, so that nothing can be on its way. */
  cut(grant: GrantRef, idle?: boolean): Promise<void>;
  /** Cuts every grant that a dial was asked under, and answers them: none of them will ever dial again. */
  cutAll(): Promise<readonly GrantRef[]>;
  /** Sockets of the slot, or opens in the journal without their close: whichever are more. */
  sockets(slot: SlotRef): number;
  readonly figures: Readonly<Record<string, number>>;
}

interface Pipe {
  /** When it closed, by the monotonic clock. */
  closedMs: number;
  readonly grant: GrantRef;
  readonly way: Way;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly closed: Promise<void>;
  /** That Telegram knows of the close: it closed, or the way was there right behind the reset. Null before the end. */
  known: Promise<boolean> | null;
  /** It was cut with nothing on its way: nobody has to wait for Telegram, then or later. */
  wasIdle: boolean;
}

const dialTimeoutMs = 10_000;

export function createSocketTable(options: SocketTableOptions): SocketTable {
  const { mayAct, journal, now, asleepSinceMs, clock, restMs, answerMs } = options;
  const { wayIsThere = createWayProbe() } = options;
  const pipes = new Map<string, Pipe>();
  /** The newest pipe of each slot, open or not. */
  const latest = new Map<string, Pipe>();
  /** Opens in the journal whose close is not there yet. */
  const unclosed = new Map<string, number>();
  const figures = { dials: 0, refused: 0, cuts: 0, bytesOut: 0, bytesIn: 0 };
  const keyOf = ({ account, slot }: SlotRef) => `${account}/${slot}`;
  const admission = createAdmission({ mayAct, isOpen: (slot) => pipes.has(keyOf(slot)) });

  async function open(grant: GrantRef, way: Way, client: Socket): Promise<void> {
    const key = keyOf(grant);
    const upstream = dial(way);
    const closed = new Promise<void>((resolve) => upstream.once("close", () => resolve()));
    const pipe: Pipe = {
      grant,
      way,
      client,
      upstream,
      closed,
      closedMs: -Infinity,
      known: null,
      wasIdle: false,
    };
    pipes.set(key, pipe);
    latest.set(key, pipe);
    void closed.then(() => {
      pipe.closedMs = clock.monotonicMs();
      if (pipes.get(key) === pipe) pipes.delete(key);
      client.destroy();
    });
    client.once("close", () => resetPipe(pipe));
    client.on("error", () => {});
    await reached(upstream, way);
    upstream.once("end", () => closedThere(pipe, true));
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      closedThere(pipe, error.code === "ECONNRESET");
    });
    await way.goOn(upstream).catch((error: unknown) => {
      upstream.destroy();
      throw error;
    });
    const told = { account: grant.account, slot: grant.slot, epoch: grant.epoch };
    const ends = { remote: `${way.host}:${way.port}`, localPort: upstream.localPort ?? 0 };
    journal({ kind: "open", at: new Date(now()).toISOString(), ...told, ...ends });
    unclosed.set(key, (unclosed.get(key) ?? 0) + 1);
    void closed.then(() => {
      const { bytesWritten: bytesOut, bytesRead: bytesIn } = upstream;
      figures.bytesOut += bytesOut;
      figures.bytesIn += bytesIn;
      const at = new Date(now()).toISOString();
      const sinceMs = asleepSinceMs();
      const asleep = sinceMs === null ? {} : { asleepSince: new Date(sinceMs).toISOString() };
      journal({ kind: "close", at, ...told, ...ends, bytesOut, bytesIn, ...asleep });
      const left = (unclosed.get(key) ?? 1) - 1;
      if (left > 0) unclosed.set(key, left);
      else unclosed.delete(key);
    });
  }

  function closedThere(pipe: Pipe, known: boolean): void {
    pipe.known ??= Promise.resolve(known);
  }

  function resetPipe(pipe: Pipe): void {
    if (pipe.upstream.destroyed) return;
    reset(pipe.upstream);
    pipe.known ??= wayIsThere(pipe.way);
  }

  /** Forwards with back pressure, after the first frame has shown the key that was granted. */
  function forward(pipe: Pipe): void {
    const { grant, client, upstream } = pipe;
    let head: Buffer | null = Buffer.alloc(0);
    const write = (chunk: Buffer) => {
      if (!mayAct()) return resetPipe(pipe);
      if (!upstream.write(chunk)) {
        client.pause();
        upstream.once("drain", () => client.resume());
      }
    };
    client.on("data", (chunk: Buffer) => {
      if (head === null) return write(chunk);
      head = Buffer.concat([head, chunk]);
      const frame = readFirstFrame(head);
      if (frame === "waiting") return;
      if (frame === "unreadable" || !admission.checkKey(grant, frame.keyId)) {
        figures.refused += 1;
        return resetPipe(pipe);
      }
      const first = head;
      head = null;
      write(first);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (!client.write(chunk)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
    });
    upstream.on("end", () => client.end());
    // A proxy's answer was read by hand.
    upstream.resume();
    client.on("end", () => resetPipe(pipe));
  }

  /** A late cut of an earlier epoch leaves the socket of a newer one alone. */
  async function cutPipe(key: string, epochMax: number, idle: boolean): Promise<void> {
    const pipe = latest.get(key);
    if (pipe === undefined || pipe.grant.epoch > epochMax) return;
    if (pipes.get(key) === pipe) {
      figures.cuts += 1;
      pipe.wasIdle = idle;
      if (idle) reset(pipe.upstream);
      else resetPipe(pipe);
    }
    await pipe.closed;
    if (idle || pipe.wasIdle) return;
    // The last bytes, and the reset, may still be on their way to Telegram.
    await until(pipe.closedMs + restMs);
    if ((await pipe.known) !== true) await until(pipe.closedMs + answerMs);
  }

  async function until(monotonicMs: number): Promise<void> {
    const leftMs = monotonicMs - clock.monotonicMs();
    if (leftMs > 0) await wait(clock, leftMs);
  }

  return {
    async dial({ account, slot, epoch, keyId, proxy: asked = null }, to, client) {
      const grant = { account, slot, epoch };
      try {
        const { proxy = null } = admission.checkDial({ ...grant, keyId, proxy: asked });
        figures.dials += 1;
        await open(grant, wayTo(to, proxy), client);
        const pipe = pipes.get(keyOf(grant));
        if (pipe === undefined || pipe.client !== client) throw refusal("it was cut meanwhile");
        forward(pipe);
      } catch (error) {
        figures.refused += 1;
        throw error;
      }
    },
    async cut(grant, idle = false) {
      admission.cut(grant);
      await cutPipe(keyOf(grant), grant.epoch, idle);
    },
    async cutAll() {
      const grants = admission.cutAll();
      await Promise.all([...latest.keys()].map((key) => cutPipe(key, Infinity, false)));
      return grants;
    },
    sockets: (slot) => Math.max(pipes.has(keyOf(slot)) ? 1 : 0, unclosed.get(keyOf(slot)) ?? 0),
    get figures() {
      return { ...figures, sockets: pipes.size };
    },
  };
}

function reached(upstream: Socket, to: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      clearTimeout(timer);
      reject(
        new HoldfastError({
          code: "TELEGRAM_UNREACHABLE",
          message: `${to.host}:${to.port} does not answer (${cause.message}).`,
          next: "It is dialled again; check the network, and the proxy if the account has one.",
          policy: "retryable",
          cause,
        }),
      );
    };
    const timer = setTimeout(() => upstream.destroy(new Error("timed out")), dialTimeoutMs);
    upstream.once("error", fail);
    upstream.once("close", () => fail(new Error("closed")));
    upstream.once("connect", () => {
      clearTimeout(timer);
      upstream.off("error", fail);
      resolve();
    });
  });
}

/** RST, so that nothing queued leaves. A socket that has been ended cannot be reset: Node would never close it. */
function reset(upstream: Socket): void {
  if (upstream.connecting || upstream.writableEnded) upstream.destroy();
  else upstream.resetAndDestroy();
}
