import type { tl } from "@mtcute/core";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramFault,
} from "../../ports/telegram/telegram.ts";
import { type CallTable, createCallTable } from "./call-table.ts";
import { keyIdOf, readSession, refuseOtherHome, writeSession } from "./session-blob.ts";
import { createTelegramCalls } from "./calls.ts";
import { connectionLost, isStranger, parseFault, provesLogin, unknownKeyFault } from "./faults.ts";
import { createUpdateReader } from "./update-reader.ts";

/** Longer than any answer that Telegram owes; then the outcome is unknown. */
const callMsDefault = 30_000;
const reconnectStepMs = 250;
const reconnectMsMax = 5000;

/** How long to wait before the next wire is dialled, after a wait of `previousMs` has not helped. In milliseconds. */
export const nextReconnectMs = (previousMs: number): number =>
  Math.min(previousMs + reconnectStepMs, reconnectMsMax);

export type Opening = Parameters<TelegramDriver["open"]>[0];

/** How a library sends one call, once told; rejects, with Telegram's refusal as a TelegramError. */
export type Send<Answer> = (signal: AbortSignal) => Promise<Answer>;

/** A library's services to its client. */
export interface ClientLibrary {
  /** Resolves when calls can be made. Not called after the end. */
  connect(): Promise<void>;
  prepare<M extends tl.RpcMethod>(query: M): Send<tl.RpcCallReturn[M["_"]]>;
  /** A call's bytes; throws for a call outside the library's layer. */
  write(query: tl.RpcMethod): Uint8Array;
  serverSalt(): string | null;
}

export interface ClientShellOptions {
  readonly opening: Opening;
  readonly app: Pick<TelegramDriverOptions, "apiId" | "apiHash">;
  /** The data centre that the driver connects to. */
  readonly homeId: number;
  /** How long a call may wait for its answer, in milliseconds. */
  readonly callMsMax: number | undefined;
  /** Begun once, when the client ends: resolves when the library has nothing open any more. */
  shutDown(): Promise<void>;
}

/**
 * One client around any library: whether it lives, which calls wait, and the reports to its holder.
 * A library tells it the events of its wire.
 */
export interface ClientShell {
  /** Aborts with the reason when the client ends: from then on no call begins and nothing is dialled. */
  readonly ended: AbortSignal;
  /** 16 hex digits; null until there is a key. */
  readonly keyId: string | null;
  /** The key that the session brought along; null where one is to be made. */
  readonly known: { readonly dcId: number; readonly key: Buffer } | null;
  /** Whether the fault of a call means that the key is not logged in yet. */
  isStranger(fault: TelegramFault): boolean;
  /** A wire can be used. */
  connected(): void;
  /** A wire that could be used is gone; calls that cannot outlive it reject. */
  broke(): void;
  /** A wire that was never of use is gone; calls that cannot outlive it reject. */
  brokeEarly(): void;
  /** The gate's refusal to dial ends the client; anything else is tried again. */
  dialFailed(error: unknown): void;
  /** The positive number that the transport sent in place of a frame. */
  transportError(code: number): void;
  /** A key was made: resolves when it is stored, and ends the client when it cannot be. */
  keep(dcId: number, key: Uint8Array): Promise<void>;
  /** The key is dead, and with it the client. */
  die(fault: TelegramFault): void;
  /** Passes on pushed updates, in mtcute's spelling. */
  tell(updates: tl.TypeUpdates): void;
  /** Runs one call; `outlivesWire`: it may be sent again on the next wire. Rejects with TelegramError. */
  run<Answer>(
    method: string,
    send: Send<Answer>,
    how?: { readonly outlivesWire: boolean },
  ): Promise<Answer>;
  /** The port's client. */
  client(library: ClientLibrary): TelegramClient;
}

/** Throws when the session is unreadable or of another data centre. */
export function createClientShell(options: ClientShellOptions): ClientShell {
  const { session, events } = options.opening;
  const known = session === null ? null : readSession(session);
  refuseOtherHome(options.homeId, known);
  let keyId = known === null ? null : keyIdOf(known.key);
  let authorised = known !== null;
  let saidDisconnected = false;
  let ending: Promise<void> | null = null;
  const ended = new AbortController();
  const calls = createCallTable(options.callMsMax ?? callMsDefault);
  const reader = createUpdateReader(events);

  /** No further call begins, every call that waits rejects, and nothing is dialled any more. */
  function end(fault: TelegramFault, cause?: unknown): void {
    if (ended.signal.aborted) return;
    const reason = new TelegramError(fault, cause);
    ended.abort(reason);
    calls.endAll(reason);
    ending = options.shutDown();
  }

  function giveUp(error: unknown): void {
    if (ended.signal.aborted) return;
    const fault = parseFault(error);
    end(fault, error);
    events.onEnded(fault);
  }

  function die(fault: TelegramFault): void {
    if (ended.signal.aborted) return;
    end(fault);
    events.onDeadKey(fault);
  }

  function sayDisconnected(): void {
    if (saidDisconnected) return;
    saidDisconnected = true;
    events.onDisconnected();
  }

  function brokeEarly(): void {
    if (!ended.signal.aborted) calls.breakAll(connectionLost());
  }

  const shell: ClientShell = {
    ended: ended.signal,
    known,
    get keyId() {
      return keyId;
    },
    isStranger: (fault) => isStranger(fault, authorised),
    connected() {
      saidDisconnected = false;
      events.onConnected();
    },
    brokeEarly,
    broke() {
      if (ended.signal.aborted) return;
      brokeEarly();
      sayDisconnected();
    },
    dialFailed(error) {
      const isRefusal = error instanceof HoldfastError && error.code.startsWith("GATE_");
      if (ended.signal.aborted || !isRefusal) return;
      giveUp(error);
      sayDisconnected();
    },
    transportError(code) {
      // Without a key it is an answer to the key exchange, which is tried again.
      if (code === 404 && keyId !== null) die(unknownKeyFault);
    },
    async keep(dcId, key) {
      keyId = keyIdOf(key);
      try {
        await events.onSession({ keyId, bytes: writeSession(dcId, key) });
      } catch (error) {
        giveUp(error);
        throw error;
      }
    },
    die,
    tell(updates) {
      if (!ended.signal.aborted) events.onUpdates(reader.pushed(updates));
    },
    async run(method, send, { outlivesWire } = { outlivesWire: false }) {
      try {
        const answer = await calls.run({ outlivesWire, ended: ended.signal }, send);
        authorised ||= provesLogin(method, answer);
        return answer;
      } catch (error) {
        if (!(error instanceof TelegramError) || ended.signal.aborted) throw error;
        const { fault } = error;
        if (shell.isStranger(fault)) throw new TelegramError({ ...fault, kind: "refused" });
        if (fault.kind === "dead-key") die(fault);
        throw error;
      }
    },
    client: (library) =>
      clientOf(library, {
        shell,
        calls,
        reader,
        app: options.app,
        async close() {
          end({ code: "CLIENT_CLOSED", kind: "unknown", message: "the client was closed" });
          await ending;
        },
      }),
  };
  return shell;
}

interface ClientParts {
  readonly shell: ClientShell;
  readonly calls: CallTable;
  readonly reader: ReturnType<typeof createUpdateReader>;
  readonly app: ClientShellOptions["app"];
  close(): Promise<void>;
}

function clientOf(library: ClientLibrary, parts: ClientParts): TelegramClient {
  const { shell, calls, reader, app, close } = parts;
  return {
    get keyId() {
      return shell.keyId;
    },
    get serverSalt() {
      return library.serverSalt();
    },
    get callsInFlight() {
      return calls.size;
    },
    async connect() {
      shell.ended.throwIfAborted();
      await library.connect();
    },
    close,
    ...createTelegramCalls(
      async (query) => shell.run(query._, library.prepare(query)),
      reader,
      app,
      shell.tell,
      (query) => library.write(query),
    ),
  };
}
