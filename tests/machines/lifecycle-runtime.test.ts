import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { coverageOf, coveringPaths } from "../models/coverage.ts";
import { lifecycleModel } from "../models/events.ts";
import { nameOf, runLifecyclePath } from "../models/lifecycle-runner.ts";
import type { Stage } from "../models/lifecycle-scene.ts";
import { edgePaths } from "../models/paths.ts";
import { openAccountBench } from "../support/account-bench.ts";

const paths = coveringPaths(lifecycleModel, edgePaths(lifecycleModel));

let nats: NatsConnection;
let stage: Stage;

beforeAll(async () => {
  const bench = await openAccountBench();
  nats = await connectNats(inject("natsUrl"), "lifecycle-paths");
  const stranger = "lifecycle-paths-stranger";
  await bench.tokens.registerIncarnation({ id: stranger, host: stranger, proof: {} });
  const caller = bench.dc.phone.createUser({ firstName: "Caller", username: "paths_caller" });
  stage = { bench, nats, stranger, caller };
});

afterAll(async () => {
  await stage?.bench.close();
  await nats?.close();
});

test("the paths that the runtime is driven along take every transition of the lifecycle", () => {
  expect(coverageOf(lifecycleModel, paths).neverTaken).toEqual([]);
});

describe("the account runtime, over PostgreSQL, NATS, the gate and the data centre, follows", () => {
  test.each(paths.map((path) => ({ path, name: `${path.start}: ${nameOf(path.steps)}` })))(
    "$name",
    ({ path }) => runLifecyclePath(stage, path),
  );
});
