import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coverageOf, coveringPaths } from "../fixtures/models/coverage.ts";
import { lifecycleModel } from "../fixtures/models/events.ts";
import { canBeCaused, nameOf, runLifecyclePath } from "../fixtures/models/lifecycle-runner.ts";
import { type OpenStage, openStage } from "../fixtures/models/lifecycle-stage.ts";
import { edgePaths } from "../fixtures/models/paths.ts";

const paths = coveringPaths(lifecycleModel, edgePaths(lifecycleModel).filter(canBeCaused));

let stage: OpenStage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage?.close());

it("the paths that the runtime is driven along take every transition of the lifecycle", () => {
  expect(coverageOf(lifecycleModel, paths).neverTaken).toEqual([]);
});

describe("the account runtime, over PostgreSQL, NATS, the gate and the data centre, follows", () => {
  for (const path of paths) {
    it(`${path.start}: ${nameOf(path.steps)}`, () => runLifecyclePath(stage, path));
  }
});
