import {
  type AnyStateMachine,
  type EventFromLogic,
  type InputFrom,
  initialTransition,
  type SnapshotFrom,
  type StateValue,
  transition,
} from "xstate";
import { expect } from "vitest";
import { type Ask, asksIn } from "./model.ts";

interface Outcome {
  /** The state's value, nested where the state is. */
  readonly state: StateValue;
  /** All requests of the last step, in order: a bare name where the parameters do not matter. */
  readonly asks?: readonly (string | Ask)[];
  /** Part of the context. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** A machine at one moment of a story. */
export interface Story<M extends AnyStateMachine> {
  /** Given: earlier events; their requests are not looked at. */
  after(...events: readonly EventFromLogic<M>[]): Story<M>;
  /** When: one event. */
  on(event: EventFromLogic<M>): Story<M>;
  /** Then: the machine's state and its requests in the last step. */
  is(outcome: Outcome): Story<M>;
  readonly snapshot: SnapshotFrom<M>;
}

/** Reads as `specify(machine, input).after(...events).on(event).is({ state, asks })`. */
export function specify<M extends AnyStateMachine>(machine: M, input: InputFrom<M>): Story<M> {
  const [initial, actions] = initialTransition(machine, ...([input] as never));
  return story(machine, initial, asksIn(actions));
}

function story<M extends AnyStateMachine>(
  machine: M,
  snapshot: SnapshotFrom<M>,
  asks: readonly Ask[],
): Story<M> {
  const on = (event: EventFromLogic<M>): Story<M> => {
    const [next, actions] = transition(machine, snapshot, event);
    return story(machine, next, asksIn(actions));
  };
  return {
    snapshot,
    on,
    after: (...events) =>
      events.reduce<Story<M>>((told, event) => told.on(event), story(machine, snapshot, asks)),
    is({ state, asks: wanted = [], context = {} }) {
      const seen = asks.map((ask, index) => (typeof wanted[index] === "string" ? ask.type : ask));
      const now = snapshot as { readonly value: unknown; readonly context: unknown };
      expect({ state: now.value, asks: seen }).toEqual({ state, asks: wanted });
      expect(now.context).toMatchObject(context);
      return story(machine, snapshot, asks);
    },
  };
}
