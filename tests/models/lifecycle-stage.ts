import { connectNats } from "../../src/adapters/nats/connection.ts";
import { openAccountBench } from "../support/account-bench.ts";
import type { Stage } from "./lifecycle-scene.ts";

export interface OpenStage extends Stage {
  close(): Promise<void>;
}

/**
 * One bench for all paths of a file, with another host's incarnation and a user who writes to the
 * accounts.
 */
export async function openStage(natsUrl: string): Promise<OpenStage> {
  const bench = await openAccountBench();
  const nats = await connectNats(natsUrl, "lifecycle-paths");
  const stranger = "lifecycle-paths-stranger";
  await bench.tokens.registerIncarnation({ id: stranger, host: stranger, proof: {} });
  const caller = bench.dc.phone.createUser({ firstName: "Caller", username: "paths_caller" });
  return {
    bench,
    nats,
    stranger,
    caller,
    async close() {
      await bench.close();
      await nats.close();
    },
  };
}
