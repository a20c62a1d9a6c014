import type { Socket } from "node:net";
import type { ClientIdentity, Connection } from "../seam.ts";
import { type Channel, createChannel } from "./channel.ts";
import type { ProtocolContext } from "./context.ts";
import { createPlainMessages } from "./handshake/plain-messages.ts";
import { type AuthKey, ownerOf } from "./keys/auth-key.ts";
import type { Link } from "./link.ts";
import { openFrame } from "./messages/envelope.ts";
import { type SessionBinding, createSessionBinding } from "./session-binding.ts";
import { receiveMessage } from "./inbox.ts";

/** The state of a connection that changes as its client speaks. */
interface ConnectionState {
  /** The key of the latest frame. */
  key: AuthKey | undefined;
  /** False after invokeWithoutUpdates. */
  wantsUpdates: boolean;
  cancelDisconnect: (() => void) | undefined;
}

/** Serves one accepted socket until it closes. */
export function serveConnection(
  context: ProtocolContext,
  socket: Socket,
  id: number,
  isMedia: boolean,
): Connection {
  const state: ConnectionState = {
    key: undefined,
    wantsUpdates: true,
    cancelDisconnect: undefined,
  };
  const channel = createChannel(context, socket, onFrame);
  const binding = createSessionBinding(context, () => state.key, channel.write);
  const connection = describeConnection(socket, { id, isMedia, state, channel, binding });
  const onPlainFrame = createPlainMessages(context, connection, channel);
  const { stats, world, keys } = context;

  function onFrame(frame: Buffer): void {
    stats.frames++;
    const keyId = frame.length < 8 ? undefined : frame.readBigInt64LE(0);
    if (keyId === 0n) {
      onPlainFrame(frame);
      return;
    }
    const key = keyId === undefined ? undefined : keys.find(keyId);
    if (key === undefined) {
      stats.unknownKeyFrames++;
      channel.refuse(404);
      return;
    }
    const opened = openFrame(key, frame);
    if (opened === undefined) {
      stats.damagedFrames++;
      channel.refuse(404);
      return;
    }
    state.key = key;
    // The world knows permanent keys only; a temporary key is silent to it until it is bound.
    const verdict = ownerOf(key) === undefined ? "accept" : world.onFrame(connection);
    if (verdict === 404) channel.refuse(404);
    if (verdict !== "accept") return;
    receiveMessage(context, createLink(context, connection, key, state, binding), opened);
  }

  socket.once("close", () => {
    state.cancelDisconnect?.();
    binding.detach();
    world.onClose(connection, socket.bytesRead, socket.bytesWritten);
  });
  world.onConnect(connection);
  return connection;
}

/** The parts behind the world's view of a connection. */
interface ConnectionParts {
  readonly id: number;
  readonly isMedia: boolean;
  readonly state: ConnectionState;
  readonly channel: Channel;
  readonly binding: SessionBinding;
}

function describeConnection(socket: Socket, parts: ConnectionParts): Connection {
  const { id, isMedia, state, channel, binding } = parts;

  function owner(): AuthKey | undefined {
    return state.key === undefined ? undefined : ownerOf(state.key);
  }

  return {
    id,
    address: socket.remoteAddress ?? "",
    port: socket.remotePort ?? 0,
    isMedia,
    get authKeyId(): string | undefined {
      return owner()?.hexId;
    },
    get identity(): ClientIdentity | undefined {
      return owner()?.identity;
    },
    get wantsUpdates(): boolean {
      return state.wantsUpdates && owner()?.layer !== undefined;
    },
    push: binding.push,
    close(how) {
      if (how === "reset") {
        channel.reset();
        return;
      }
      binding.flush();
      channel.finish();
    },
  };
}

function createLink(
  context: ProtocolContext,
  connection: Connection,
  key: AuthKey,
  state: ConnectionState,
  binding: SessionBinding,
): Link {
  return {
    connection,
    key,
    resend: binding.resend,
    sendService: binding.sendService,
    attach: binding.attach,
    stopUpdates() {
      state.wantsUpdates = false;
    },
    disconnectAfter(delayMs) {
      state.cancelDisconnect?.();
      state.cancelDisconnect = context.clock.schedule(delayMs, () => {
        connection.close("finish");
      });
    },
  };
}
