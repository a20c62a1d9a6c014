/**
 * Declares work a machine may ask for. The machine stays pure: the action does nothing by itself,
 * and the engine that steps the machine reads the request from the list of actions and carries it
 * out after the transition has been recorded.
 */
export const effect =
  <Params>() =>
  (_args: unknown, _params: Params): void => {};

/** What must be done for each effect a machine declares: one handler per name. */
export type HandlersFor<Effects extends Record<string, (_: unknown, params: never) => void>> = {
  readonly [Name in keyof Effects]: (params: Parameters<Effects[Name]>[1]) => Promise<void>;
};
