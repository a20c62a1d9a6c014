import { type AnyStateMachine, createMachine } from "xstate";
import { type TokenEvent, type TokenState, tokenMachine } from "../../machines/token.ts";

/** A transition as the token's file would spell it; null: it is taken away. */
type Change = {
  readonly target: TokenState;
  readonly guard?: string;
  readonly actions?: string;
} | null;

type StateSpelling = {
  readonly tags?: string | readonly string[];
  readonly on: Readonly<Record<string, Change>>;
};

/** The token machine with some transitions of its states changed, as an edit of its file would. */
export function changedToken(
  changes: Partial<
    Record<
      TokenState,
      {
        readonly on?: Partial<Record<TokenEvent["type"], Change>>;
        /** In place of the state's own. */
        readonly tags?: readonly string[];
      }
    >
  >,
): typeof tokenMachine {
  const { config, implementations } = tokenMachine;
  const states = Object.entries(config.states as Record<TokenState, StateSpelling>).map(
    ([name, spelling]) => {
      const { on = {}, tags = spelling.tags ?? [] } = changes[name as TokenState] ?? {};
      const kept = Object.entries({ ...spelling.on, ...on }).filter(
        ([, change]) => change !== null,
      );
      return [name, { ...spelling, tags, on: Object.fromEntries(kept) }];
    },
  );
  const spelled = { ...config, states: Object.fromEntries(states) as object };
  const machine: AnyStateMachine = createMachine(spelled as never, implementations as never);
  return machine as typeof tokenMachine;
}
