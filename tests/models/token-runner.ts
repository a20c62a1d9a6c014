import { expect } from "vitest";
import type { SnapshotFrom } from "xstate";
import type { TokenEvent, tokenMachine } from "../../machines/token.ts";
import type { IncarnationStore } from "../../src/ports/incarnation-store.ts";
import type { SlotRef, TokenRecord, TokenStore } from "../../src/ports/token-store.ts";
import type { Path } from "./paths.ts";

type TokenPath = Path<typeof tokenMachine>;

/** The stores as production calls them, and names for incarnations that no path before has used. */
export interface TokenScene {
  readonly tokens: TokenStore;
  readonly incarnations: IncarnationStore;
  newIncarnation(): string;
}

/**
 * Takes a path through the stores, and fails at the first step after which the stored token is not what
 * the machine says, or the store claims an event that the machine refuses. Each grant is to an incarnation of its own,
 * because a revocation is for ever.
 */
export async function runTokenPath(
  scene: TokenScene,
  ref: SlotRef,
  { initial, steps }: TokenPath,
): Promise<void> {
  const { tokens, incarnations } = scene;
  /** The incarnations of the path, by their names in the machine. */
  const known = new Map<string, string>();
  const register = async (name: string) => {
    const id = scene.newIncarnation();
    known.set(name, id);
    await incarnations.register({ id, host: id, proof: {} });
  };
  await register("incarnation-1");
  await register("stranger");
  const recordOf = ({ value, context }: SnapshotFrom<typeof tokenMachine>) => {
    const holder = context.incarnation === null ? null : known.get(context.incarnation)!;
    return { ...ref, state: value, ...context, incarnation: holder };
  };
  const begun = await tokens.read(ref);
  let connectedEpoch = begun?.connectedEpoch ?? 0;
  expect(begun).toEqual({ ...recordOf(initial), connectedEpoch });
  let before = initial;
  for (const [index, { event, after }] of steps.entries()) {
    const step = `step ${index + 1}, ${JSON.stringify(event)} in ${before.value}`;
    const isAllowed = before.can(event);
    if (event.type === "grant" && isAllowed) await register(event.incarnation);
    const answer = await sendTokenEvent(scene, ref, event, (name) => known.get(name) ?? name);
    if (event.type === "connected" && isAllowed) connectedEpoch = after.context.epoch;
    const wanted: TokenRecord = { ...recordOf(after), connectedEpoch };
    expect(answer, step).toEqual(wantedAnswer(event, isAllowed, wanted));
    expect(await tokens.read(ref), `${step}, read back`).toEqual(wanted);
    before = after;
  }
}

/** The call that a node makes for each event. */
export function sendTokenEvent(
  { tokens, incarnations }: TokenScene,
  ref: SlotRef,
  event: TokenEvent,
  idOf: (name: string) => string,
): Promise<unknown> {
  switch (event.type) {
    case "grant":
      return tokens.grant(ref, idOf(event.incarnation));
    case "superseded":
      return tokens.supersede({ ...ref, epoch: event.epoch }, idOf(event.incarnation), event.floor);
    case "connected":
      return tokens.connected({ ...ref, epoch: event.epoch });
    case "drain":
      return tokens.drain({ ...ref, epoch: event.epoch });
    case "released":
      return tokens.released({ ...ref, epoch: event.epoch });
    case "revoked":
      return incarnations.revoke(idOf(event.incarnation));
    case "silenced":
      return incarnations.silence(idOf(event.incarnation));
  }
}

function wantedAnswer({ type }: TokenEvent, isAllowed: boolean, token: TokenRecord): unknown {
  const { account, slot, epoch } = token;
  switch (type) {
    case "superseded":
      return isAllowed ? { account, slot, epoch } : null;
    // It is about the incarnation, whatever that holds.
    case "revoked":
      return true;
    case "silenced":
      return isAllowed ? [{ account, slot, epoch }] : [];
    default:
      return { applied: isAllowed, token };
  }
}
