/**
 * Declares work a machine may ask for. The machine stays pure: the action does nothing by itself,
 * and the engine that steps the machine reads the request from the list of actions and carries it
 * out after the transition has been recorded.
 */
export const effect =
  <Params>() =>
  (_args: unknown, _params: Params): void => {};
