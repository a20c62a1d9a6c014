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
    "createOutboxSender",
    "createServingSlot",
    "createSideSlots",
    "createSocketTable",
    "createTakeover",
    "createTurnRun",
    "createUpdateCursor",
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
  answer: 1,
  append: 2,
  beat: 1,
  closed: 5,
  end: 3,
  executeInWorld: 1,
  exited: 4,
  flush: 1,
  leaveDyingKey: 1,
  letGo: 3,
  load: 1,
  nextEra: 1,
  onGone: 1,
  respond: 1,
  run: 1,
  runShare: 1,
  serve: 1,
  sweep: 1,
  take: 1,
} as const;
