/**
 * Declares work that a machine may ask for. The machine stays pure: the action does nothing by
 * itself. The engine that steps the machine finds the request among the actions, and does the work
 * after the transition has been recorded.
 */
export const effect =
  <Params>() =>
  (_args: unknown, _params: Params): void => {};
