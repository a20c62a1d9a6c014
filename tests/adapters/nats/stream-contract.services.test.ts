import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { streamOf } from "../../../src/adapters/nats/inbound-stream.ts";
import { partitions } from "../../../src/ports/conversation/partitions.ts";
import { specifyInboundStream } from "../../contracts/inbound-stream.ts";
import { openInboundBench } from "../../fixtures/inbound-bench.ts";

specifyInboundStream(async ({ messagesMax }) => {
  const bench = await openInboundBench();
  const { names } = bench;
  return {
    async open() {
      const { stream, nats } = await bench.open(messagesMax === undefined ? {} : { messagesMax });
      return { stream, end: () => nats.close() };
    },
    async publish(partition, text) {
      await jetstream(bench.nats).publish(`${names.subjectPrefix}.${partition}`, text);
    },
    async loseAll() {
      const manager = await jetstreamManager(bench.nats);
      for (const partition of partitions) await manager.streams.delete(streamOf(names, partition));
    },
    messages: async () => (await bench.info("inbound")).messages,
    async settled() {
      await bench.nats.flush();
      await bench.info("inbound");
    },
    close: bench.close,
  };
});
