import { assign, setup, type SnapshotFrom, transition } from "xstate";
import type { BotState } from "holdfast/bot";

/** A form as a machine: the questions in their order, and what was answered. It waits for nothing and calls no one. */
const visitForm = setup({
  types: {
    context: {} as { readonly town: string | null; readonly people: number | null },
    events: {} as { type: "answer"; text: string } | { type: "confirm" } | { type: "again" },
  },
  guards: { isCount: (_, text: string) => /^[1-9]\d?$/.test(text.trim()) },
}).createMachine({
  id: "visit-form",
  initial: "town",
  context: { town: null, people: null },
  states: {
    town: {
      on: { answer: { target: "people", actions: assign({ town: ({ event }) => event.text }) } },
    },
    people: {
      on: {
        answer: {
          guard: { type: "isCount", params: ({ event }) => event.text },
          target: "confirming",
          actions: assign({ people: ({ event }) => Number(event.text) }),
        },
      },
    },
    confirming: { on: { confirm: "done", again: "town" } },
    done: { type: "final" },
  },
});

export type VisitForm = SnapshotFrom<typeof visitForm>;
type FormEvent = Parameters<typeof transition<typeof visitForm>>[2];

/** Counted up when an earlier version's data can no longer be read. */
const schemaVersion = 1;

export const openForm = (): VisitForm =>
  visitForm.resolveState({ value: "town", context: { town: null, people: null } });

/** The form where the session left it; null: none is open. */
export function formIn(kept: BotState | null): VisitForm | null {
  if (kept?.machineId !== visitForm.id || kept.schemaVersion !== schemaVersion) return null;
  return visitForm.resolveState(kept.state as Pick<VisitForm, "value" | "context">);
}

/** Plain data: it is stored as JSON with the turn. */
export const keptAs = ({ value, context }: VisitForm): BotState => ({
  machineId: visitForm.id,
  schemaVersion,
  state: { value, context },
});

export const after = (form: VisitForm, event: FormEvent): VisitForm =>
  transition(visitForm, form, event)[0];
