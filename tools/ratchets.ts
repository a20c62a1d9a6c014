/**
 * Functions over 120 lines, by house. A length is a sign to look, not a law: each of these is one protocol or one loop
 * over shared state. The lists may only get shorter; `tools/check-lengths.ts` compares them with the code.
 */
export const longFunctions = {
  product: [
    "addUseCommands",
    "createAccountRuntime",
    "createAccounts",
    "createClaims",
    "createCustodian",
    "createHostLease",
    "createLifecycleHandlers",
    "createOutboxSender",
    "createServingSlot",
    "createSideSlots",
    "createSocketTable",
    "createTakeover",
    "createTurnEngine",
    "createTurnRun",
    "createUpdateCursor",
    // One of each driver.
  ],
  proof: ["createKernel", "createSimGate", "createSimStore", "runSimulation", "startFleet"],
  "telegram-dc": ["createHandshake"],
  tools: [],
} as const;

/**
 * Promises that float although what makes them is not declared to never reject: by name, how many. They may only get
 * fewer.
 */
export const floats = {
  answer: 6,
  append: 2,
  beat: 1,
  closed: 5,
  drive: 1,
  end: 6,
  executeInWorld: 1,
  exited: 4,
  figures: 1,
  first: 1,
  flush: 1,
  forceToken: 1,
  leaveDyingKey: 1,
  letGo: 3,
  load: 1,
  look: 5,
  nextEra: 1,
  onGone: 1,
  readOn: 1,
  recover: 1,
  reload: 1,
  renew: 3,
  respond: 2,
  run: 1,
  runShare: 1,
  send: 2,
  serially: 1,
  serve: 3,
  start: 1,
  stop: 3,
  stopGate: 1,
  sweep: 1,
  take: 1,
  takeLetGo: 1,
  work: 3,
  write: 1,
} as const;
