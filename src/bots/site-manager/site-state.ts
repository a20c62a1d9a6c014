import { initialTransition, type SnapshotFrom, transition } from "xstate";
import {
  type SiteManagerEvent,
  siteManagerEffects,
  siteManagerMachine,
} from "../../../machines/site-manager.ts";
import type { BotState } from "../../ports/bot.ts";

type SiteManagerSnapshot = SnapshotFrom<typeof siteManagerMachine>;

const schemaVersion = 1;
const stateNames: readonly unknown[] = Object.keys(siteManagerMachine.states);

export type SiteManagerEffect = keyof typeof siteManagerEffects;

export interface SiteManagerStep {
  readonly state: BotState;
  /** The site whose tasks are shown; null before one is chosen. */
  readonly siteId: string | null;
  /** What the machine asks for, in order. */
  readonly effects: readonly SiteManagerEffect[];
}

const isEffect = (type: string): type is SiteManagerEffect => type in siteManagerEffects;

/** Steps the machine from the kept state by one event; pure. */
export function stepSiteManager(kept: BotState | null, event: SiteManagerEvent): SiteManagerStep {
  const [{ value, context }, actions] = transition(siteManagerMachine, restore(kept), event);
  return {
    state: { machineId: siteManagerMachine.id, schemaVersion, state: { value, context } },
    siteId: context.siteId,
    effects: actions.map(({ type }) => type).filter(isEffect),
  };
}

/** A state that is not this machine's, or of a later version, counts as none: the conversation starts over. */
function restore(kept: BotState | null): SiteManagerSnapshot {
  const state =
    kept?.machineId === siteManagerMachine.id && kept.schemaVersion === schemaVersion
      ? kept.state
      : null;
  if (!isKept(state)) return initialTransition(siteManagerMachine)[0];
  return siteManagerMachine.resolveState(state);
}

interface Kept {
  readonly value: "greeting" | "sites" | "tasks";
  readonly context: { readonly siteId: string | null };
}

function isKept(state: unknown): state is Kept {
  if (typeof state !== "object" || state === null) return false;
  if (!("value" in state) || !stateNames.includes(state.value)) return false;
  if (!("context" in state) || typeof state.context !== "object" || state.context === null) {
    return false;
  }
  const { context } = state;
  return "siteId" in context && (context.siteId === null || typeof context.siteId === "string");
}
