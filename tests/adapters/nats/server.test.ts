import { describe, expect, it } from "vitest";
import { refuseOldServer, replicasOf } from "../../../src/adapters/nats/server.ts";

const server = (version: string, cluster?: string) =>
  ({ info: { version, ...(cluster === undefined ? {} : { cluster }) } }) as Parameters<
    typeof replicasOf
  >[0];

describe("the NATS server that is connected to", () => {
  it("may stand alone from 2.9.10, and in a cluster from 2.10.27", () => {
    for (const good of [server("2.9.10"), server("2.15.1"), server("2.10.27", "c")]) {
      expect(() => refuseOldServer(good)).not.toThrow();
    }
    for (const old of [server("2.9.9"), server("2.9.10", "c"), server("2.10.26", "c")]) {
      expect(() => refuseOldServer(old)).toThrow(
        expect.objectContaining({ code: "NATS_TOO_OLD", next: expect.stringContaining("Upgrade") }),
      );
    }
  });

  it("keeps three copies in a cluster, and one elsewhere", () => {
    expect([server("2.15.1"), server("2.15.1", "c")].map(replicasOf)).toEqual([1, 3]);
  });
});
