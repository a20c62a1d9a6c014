import type { RpcOutcome, TlObject } from "../../seam.ts";
import { sha1 } from "../crypto/hash.ts";
import { igeDecrypt } from "../crypto/ige.ts";
import { deriveMessageKeyV1 } from "../crypto/message-keys.ts";
import type { AuthKey } from "../keys/auth-key.ts";
import type { KeyStore } from "../keys/key-store.ts";
import { decodeBoxed } from "../tl/decode.ts";
import { bytesField, isTlObject, longField, numberField } from "../tl/fields.ts";
import type { Layer } from "../tl/layer.ts";
import { TlReader } from "../tl/tl-reader.ts";

/** The binding call, and the values that it must agree with. */
export interface BindRequest {
  readonly temporaryKey: AuthKey;
  readonly sessionId: bigint;
  readonly messageId: bigint;
  readonly query: TlObject;
}

const headBytes = 24;
const innerHeadBytes = 32;
const innerBytes = 40;

function error(message: string): RpcOutcome {
  return { kind: "error", code: 400, message };
}

/**
 * Carries out auth.bindTempAuthKey. The message sealed with the permanent key must name the
 * temporary key, this session and this very call (core.telegram.org/method/auth.bindTempAuthKey).
 */
export function bindTemporaryKey(
  keys: KeyStore,
  service: Layer,
  { temporaryKey, sessionId, messageId, query }: BindRequest,
): RpcOutcome {
  if (temporaryKey.kind !== "temporary") return error("TEMP_AUTH_KEY_EMPTY");
  const permanentId = longField(query, "perm_auth_key_id");
  const permanentKey = keys.find(permanentId);
  if (permanentKey?.kind !== "permanent") return error("ENCRYPTED_MESSAGE_INVALID");
  if (temporaryKey.boundTo !== undefined && temporaryKey.boundTo !== permanentKey) {
    return error("TEMP_AUTH_KEY_ALREADY_BOUND");
  }
  const inner = openBinding(
    permanentKey,
    service,
    bytesField(query, "encrypted_message"),
    messageId,
  );
  const isValid =
    inner !== undefined &&
    longField(inner, "nonce") === longField(query, "nonce") &&
    longField(inner, "temp_auth_key_id") === temporaryKey.id &&
    longField(inner, "perm_auth_key_id") === permanentId &&
    longField(inner, "temp_session_id") === sessionId &&
    numberField(inner, "expires_at") === numberField(query, "expires_at");
  if (!isValid) return error("ENCRYPTED_MESSAGE_INVALID");
  temporaryKey.boundTo = permanentKey;
  for (const [id, session] of temporaryKey.sessions) permanentKey.sessions.set(id, session);
  temporaryKey.sessions = permanentKey.sessions;
  return { kind: "result", value: true };
}

/** The bind_auth_key_inner, or undefined when the envelope does not fit the method. */
function openBinding(
  permanentKey: AuthKey,
  service: Layer,
  sealed: Buffer,
  messageId: bigint,
): TlObject | undefined {
  const bodyBytes = sealed.length - headBytes;
  if (bodyBytes < innerHeadBytes + innerBytes || bodyBytes % 16 !== 0) return undefined;
  if (sealed.readBigInt64LE(0) !== permanentKey.id) return undefined;
  const messageKey = sealed.subarray(8, headBytes);
  const opened = igeDecrypt(
    deriveMessageKeyV1(permanentKey.bytes, messageKey),
    sealed.subarray(headBytes),
  );
  const bare = opened.subarray(0, innerHeadBytes + innerBytes);
  if (!sha1(bare).subarray(4, 20).equals(messageKey)) return undefined;
  const isThisCall = opened.readBigInt64LE(16) === messageId && opened.readInt32LE(24) === 0;
  if (!isThisCall || opened.readInt32LE(28) !== innerBytes) return undefined;
  const inner = decodeBoxed(service, new TlReader(bare, innerHeadBytes));
  return isTlObject(inner) && inner._ === "bind_auth_key_inner" ? inner : undefined;
}
