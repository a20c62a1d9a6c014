import { partitions } from "../../../src/ports/conversation/partitions.ts";
import { createSimStreams } from "../../../src/proof/simulation/engine/sim-stream.ts";
import { connectStreams } from "../../../src/proof/simulation/engine/sim-stream-client.ts";
import { specifyInboundStream } from "../../contracts/inbound-stream.ts";
import { runningKernel } from "../../fixtures/running-kernel.ts";

specifyInboundStream(async ({ messagesMax = Number.POSITIVE_INFINITY }) => {
  const { kernel, passed, close } = runningKernel();
  const streams = createSimStreams(kernel);
  streams.messagesMax = messagesMax;
  let processes = 0;
  return {
    async open() {
      const process = kernel.spawn(`process-${(processes += 1)}`, 1);
      const { states, ...stream } = connectStreams(streams, process);
      return { stream: { ...stream, ...states }, end: async () => process.kill() };
    },
    publish: async (partition, text) => void streams.store(partition, text, null),
    loseAll: async () => streams.loseAll(),
    messages: async () =>
      partitions.reduce((sum, partition) => sum + streams.lives[partition]!.messages.size, 0),
    settled: () => passed(100),
    close,
  };
});
