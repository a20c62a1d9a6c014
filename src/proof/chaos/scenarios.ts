import { hostScenarios } from "./host-scenarios.ts";
import { serverScenarios } from "./server-scenarios.ts";
import type { Scenario } from "./stage.ts";

export const scenarios: readonly Scenario[] = [...hostScenarios, ...serverScenarios];
