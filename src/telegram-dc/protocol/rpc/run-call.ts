import type { RpcOutcome } from "../../seam.ts";
import { type ProtocolContext, reportUnencodable } from "../context.ts";
import { bindTemporaryKey } from "../handshake/bind-temporary-key.ts";
import { ownerOf } from "../keys/auth-key.ts";
import type { Link } from "../link.ts";
import type { Receipt } from "../sessions/messages.ts";
import { type Session, nextSequence, sendContent } from "../sessions/session.ts";
import { countIn } from "../stats.ts";
import { encodeResult } from "../tl/encode.ts";
import { longsField } from "../tl/fields.ts";
import { TlError, formatConstructorId } from "../tl/tl-error.ts";
import { TlWriter } from "../tl/tl-writer.ts";
import { packIfSmaller, writeError, writeResult } from "./answer.ts";
import { type UnwrappedQuery, unwrapQuery } from "./unwrap-query.ts";

/** One call of a client. */
export interface IncomingCall {
  readonly context: ProtocolContext;
  readonly link: Link;
  readonly session: Session;
  readonly receipt: Receipt;
  readonly body: Buffer;
}

/** API methods about the keys themselves; they never reach the world. */
const bindMethod = "auth.bindTempAuthKey";
const dropMethod = "auth.dropTempAuthKeys";

/** Reads a call, has it carried out and answers it. */
export function runCall(call: IncomingCall): void {
  const { context, receipt } = call;
  context.stats.calls++;
  receipt.state = "running";
  let unwrapped: UnwrappedQuery;
  try {
    unwrapped = readCall(call);
  } catch (error) {
    if (!(error instanceof TlError)) throw error;
    answer(call, undefined, describeUnreadable(call, error));
    return;
  }
  const refusal = admit(call, unwrapped);
  if (refusal !== undefined) answer(call, unwrapped, refusal);
  else
    whenReady(call.session, unwrapped.runAfter, (failure) => {
      if (failure === undefined) execute(call, unwrapped);
      else answer(call, unwrapped, failure);
    });
}

function readCall({ context, link, body }: IncomingCall): UnwrappedQuery {
  const { schemas, stats } = context;
  const knownLayer = ownerOf(link.key)?.layer ?? link.key.layer;
  const initial = schemas.resolve(knownLayer ?? Number.MAX_SAFE_INTEGER);
  const unwrapped = unwrapQuery(schemas, initial, body);
  const { announcedLayer, layer } = unwrapped;
  if (announcedLayer !== undefined && announcedLayer !== layer.layer) {
    countIn(stats.layerFallbacks, announcedLayer);
  }
  return unwrapped;
}

function describeUnreadable(call: IncomingCall, error: TlError): RpcOutcome {
  const { stats } = call.context;
  if (error.constructorId === undefined) {
    countIn(stats.undecodableCalls, error.code);
    return { kind: "error", code: 400, message: "INPUT_FETCH_ERROR" };
  }
  const hexId = formatConstructorId(error.constructorId);
  countIn(stats.unknownConstructors, hexId);
  const what = error.code === "TL_UNKNOWN_METHOD" ? "METHOD" : "CONSTRUCTOR";
  const layer = ownerOf(call.link.key)?.layer ?? 0;
  return { kind: "error", code: 400, message: `INPUT_${what}_INVALID_${hexId}_${layer}` };
}

/** Records the wrappers' data, and refuses a call that the key may not make yet. */
function admit(
  { link }: IncomingCall,
  { query, identity, announcedLayer, layer, withoutUpdates }: UnwrappedQuery,
): RpcOutcome | undefined {
  if (query._ === bindMethod) return undefined;
  const owner = ownerOf(link.key);
  if (owner === undefined) return { kind: "error", code: 401, message: "AUTH_KEY_PERM_EMPTY" };
  if (identity !== undefined) {
    owner.identity = identity;
    owner.layer = announcedLayer ?? owner.layer ?? layer.layer;
  } else if (owner.layer !== undefined && announcedLayer !== undefined) {
    owner.layer = announcedLayer;
  }
  if (withoutUpdates) link.stopUpdates();
  if (owner.layer === undefined) {
    return { kind: "error", code: 400, message: "CONNECTION_NOT_INITED" };
  }
  return undefined;
}

/** Waits for the calls named by invokeAfterMsg. A failed or unknown one fails this call too. */
function whenReady(
  session: Session,
  runAfter: readonly bigint[],
  proceed: (failure: RpcOutcome | undefined) => void,
): void {
  for (const messageId of runAfter) {
    const earlier = session.inbound.find(messageId);
    if (earlier === undefined) {
      proceed({ kind: "error", code: 500, message: "MSG_WAIT_TIMEOUT" });
      return;
    }
    if (earlier.state === "failed") {
      proceed({ kind: "error", code: 400, message: "MSG_WAIT_FAILED" });
      return;
    }
    if (earlier.state === "running") {
      earlier.onEnd.push(() => {
        whenReady(session, runAfter, proceed);
      });
      return;
    }
  }
  proceed(undefined);
}

function execute(call: IncomingCall, unwrapped: UnwrappedQuery): void {
  const own = executeKeyMethod(call, unwrapped);
  if (own === undefined) void executeInWorld(call, unwrapped);
  else answer(call, unwrapped, own);
}

async function executeInWorld(call: IncomingCall, unwrapped: UnwrappedQuery): Promise<void> {
  const { context, link, receipt } = call;
  const { query, layer } = unwrapped;
  const authKeyId = ownerOf(link.key)?.hexId ?? link.key.hexId;
  let outcome: RpcOutcome;
  try {
    outcome = await context.world.onRpc({
      connection: link.connection,
      authKeyId,
      messageId: receipt.messageId,
      query,
      layer: layer.layer,
    });
  } catch (cause) {
    outcome = describeFailure(context, query._, cause);
  }
  answer(call, unwrapped, outcome);
}

function describeFailure(context: ProtocolContext, method: string, cause: unknown): RpcOutcome {
  context.stats.failedHandlers++;
  context.onIncident({
    code: "HANDLER_FAILED",
    message: `The handler of ${method} failed; the client was answered 500 INTERNAL. See the cause and correct the handler.`,
    cause,
  });
  return { kind: "error", code: 500, message: "INTERNAL" };
}

function executeKeyMethod(
  { context, link, session, receipt }: IncomingCall,
  { query }: UnwrappedQuery,
): RpcOutcome | undefined {
  if (query._ === bindMethod) {
    return bindTemporaryKey(context.keys, context.schemas.service, {
      temporaryKey: link.key,
      sessionId: session.id,
      messageId: receipt.messageId,
      query,
    });
  }
  if (query._ === dropMethod) {
    const owner = ownerOf(link.key);
    const kept = new Set(longsField(query, "except_auth_keys"));
    const bound = owner === undefined ? [] : context.keys.temporaryKeysOf(owner);
    for (const key of bound) if (!kept.has(key.id) && key !== link.key) context.keys.destroy(key);
    return { kind: "result", value: true };
  }
  return undefined;
}

function answer(
  call: IncomingCall,
  unwrapped: UnwrappedQuery | undefined,
  outcome: RpcOutcome,
): void {
  const { context, link, session, receipt } = call;
  receipt.state = outcome.kind === "error" ? "failed" : "succeeded";
  if (outcome.kind === "cut") link.connection.close("reset");
  else if (outcome.kind !== "drop" && !receipt.isDropped) {
    const body = writeAnswer(call, unwrapped, outcome);
    const message = {
      messageId: context.messageIds.next("answer"),
      sequence: nextSequence(session, true),
      body,
      receipt,
    };
    sendContent(session, message, context.limits.unackedMax, context.stats);
  }
  for (const proceed of receipt.onEnd.splice(0)) proceed();
}

const scratch = new TlWriter();

function writeAnswer(
  { context, receipt }: IncomingCall,
  unwrapped: UnwrappedQuery | undefined,
  outcome: Extract<RpcOutcome, { kind: "result" | "error" }>,
): Buffer {
  const { messageId } = receipt;
  if (outcome.kind === "error") return writeError(messageId, outcome.code, outcome.message);
  if (unwrapped === undefined) return writeError(messageId, 500, "INTERNAL");
  try {
    encodeResult(unwrapped.layer, scratch.reset(), unwrapped.definition.result, outcome.value);
  } catch (cause) {
    receipt.state = "failed";
    reportUnencodable(context, `The answer to ${unwrapped.query._}`, cause);
    return writeError(messageId, 500, "INTERNAL");
  }
  const plain = scratch.finish();
  const packed = packIfSmaller(plain, context.limits.packFromBytes);
  if (packed !== plain) context.stats.packedAnswers++;
  return writeResult(messageId, packed);
}
