import { initialTransition, type SnapshotFrom, transition } from "xstate";
import { type SiteManagerEvent, siteManagerEffects, siteManagerMachine } from "./machine.ts";
import type { BotState } from "../../ports/conversation/bot.ts";

type SiteManagerSnapshot = SnapshotFrom<typeof siteManagerMachine>;

/** 2 adds the reported task; a state of version 1 has none. */
const schemaVersion = 2;
const readableVersions: readonly number[] = [1, schemaVersion];
const stateNames: readonly unknown[] = Object.keys(siteManagerMachine.states);

export type SiteManagerEffect = keyof typeof siteManagerEffects;

export interface SiteManagerStep {
  readonly state: BotState;
  /** The site of the shown tasks; null before one is chosen. */
  readonly siteId: string | null;
  /** The reported task; null outside a report. */
  readonly taskId: string | null;
  /** The machine's requests, in order. */
  readonly effects: readonly SiteManagerEffect[];
}

const isEffect = (type: string): type is SiteManagerEffect => type in siteManagerEffects;

/** Steps the machine from the stored state by one event; pure. */
export function stepSiteManager(kept: BotState | null, event: SiteManagerEvent): SiteManagerStep {
  const [{ value, context }, actions] = transition(siteManagerMachine, restore(kept), event);
  return {
    state: { machineId: siteManagerMachine.id, schemaVersion, state: { value, context } },
    siteId: context.siteId,
    taskId: context.taskId,
    effects: actions.map(({ type }) => type).filter(isEffect),
  };
}

/** An invalid state, or one of a later version, counts as none: the conversation starts over. */
function restore(kept: BotState | null): SiteManagerSnapshot {
  const state =
    kept?.machineId === siteManagerMachine.id && readableVersions.includes(kept.schemaVersion)
      ? kept.state
      : null;
  if (!isKept(state)) return initialTransition(siteManagerMachine)[0];
  const { value, context } = state;
  return siteManagerMachine.resolveState({ value, context: { taskId: null, ...context } });
}

interface Kept {
  readonly value: "greeting" | "sites" | "tasks" | "reporting";
  readonly context: { readonly siteId: string | null; readonly taskId?: string | null };
}

function isKept(state: unknown): state is Kept {
  if (typeof state !== "object" || state === null) return false;
  if (!("value" in state) || !stateNames.includes(state.value)) return false;
  if (!("context" in state) || typeof state.context !== "object" || state.context === null) {
    return false;
  }
  const { context } = state;
  const isId = (id: unknown) => id === null || typeof id === "string";
  if ("taskId" in context && !isId(context.taskId)) return false;
  return "siteId" in context && isId(context.siteId);
}
