import type { Connection, TlObject } from "../seam.ts";
import type { AuthKey } from "./keys/auth-key.ts";
import type { OutgoingMessage } from "./sessions/messages.ts";
import type { Session } from "./sessions/session.ts";

/** The connection, as the handlers of its messages need it. */
export interface Link {
  readonly connection: Connection;
  /** The key of the latest frame. */
  readonly key: AuthKey;
  /** Sends a message again under its own id. */
  resend(session: Session, message: OutgoingMessage): void;
  /** Sends a message of MTProto itself; `isContent` asks the client to acknowledge it. */
  sendService(session: Session, message: TlObject, isContent: boolean): void;
  /** The session that receives pushes. */
  attach(session: Session): void;
  stopUpdates(): void;
  /** Closes the connection after the delay; a later order replaces this one. */
  disconnectAfter(delayMs: number): void;
}
