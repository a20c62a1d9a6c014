import type { Connection, TlObject } from "../seam.ts";
import type { AuthKey } from "./keys/auth-key.ts";
import type { OutgoingMessage } from "./sessions/messages.ts";
import type { Session } from "./sessions/session.ts";

/** What the handlers of messages need of the connection that brought them. */
export interface Link {
  readonly connection: Connection;
  /** The key of the latest frame. */
  readonly key: AuthKey;
  /** Sends a message again under its own id. */
  resend(session: Session, message: OutgoingMessage): void;
  /** Sends a message of MTProto itself; `isContent` asks the client to acknowledge it. */
  sendService(session: Session, message: TlObject, isContent: boolean): void;
  /** The session that a push goes to. */
  attach(session: Session): void;
  stopUpdates(): void;
  /** Closes the connection unless another such order comes within the delay. */
  disconnectAfter(delayMs: number): void;
}
