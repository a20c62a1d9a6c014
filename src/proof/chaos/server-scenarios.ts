import { rm } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { eventually } from "./fleet.ts";
import { holdMs, productionHoldMs, copyAsItIs, isGone, freeze, type Scenario } from "./stage.ts";

/** Faults of the servers that hosts share. */
export const serverScenarios: readonly Scenario[] = [
  {
    name: "stop-nats",
    proves: "without NATS everything disconnects, safely, and comes back",
    hosts: 2,
    epochRises: true,
    async run(stage) {
      await freeze(stage, stage.fleet.natsServer.pid, "nats-server", holdMs + 3_000);
    },
  },
  {
    name: "kv-rollback",
    proves: "leases of an older copy of the store revive no holder",
    hosts: 2,
    epochRises: true,
    async run({ fleet, rest, delivered }) {
      const copy = join(fleet.folder, "nats-copy");
      await fleet.replaceNats((folder) => copyAsItIs(folder, copy));
      await fleet.untilServed();
      await rest(3_000);
      await fleet.replaceNats(async (folder) => {
        await rm(folder, { recursive: true });
        await copyAsItIs(copy, folder);
      });
      delivered("nats-server runs from the older copy of its store", true);
      await eventually("every gate begins anew", async () =>
        fleet.hosts.every(({ gatesStarted }) => gatesStarted > 1),
      );
    },
  },
  {
    name: "nats-loss",
    proves:
      "a NATS that lost its disk is known again from the hosts that run, and revives no holder",
    hosts: 2,
    epochRises: true,
    async run({ fleet, delivered }) {
      // What it keeps, and not the keys by which it knows its users: those stand in its configuration.
      await fleet.replaceNats((folder) => rm(join(folder, "jetstream"), { recursive: true }));
      delivered("nats-server runs from an empty store", true);
      await eventually("every gate begins anew", async () =>
        fleet.hosts.every(({ gatesStarted }) => gatesStarted > 1),
      );
    },
  },
  {
    name: "postgres-restore",
    forgetful: true,
    proves: "an older copy of the database grants nothing that is in use",
    hosts: 2,
    epochRises: false,
    async run({ fleet, rest, delivered, holder, account }) {
      const copy = join(fleet.folder, "postgres-copy");
      await fleet.replacePostgres((folder) => copyAsItIs(folder, copy));
      await fleet.untilServed();
      const { node } = holder.pids;
      holder.signal("node", "SIGKILL");
      await eventually("another host holds the account", async () => {
        const now = await fleet.holderOf(account);
        return now !== null && now.name !== holder.name && isGone(node);
      });
      await rest(1_000);
      await fleet.replacePostgres(async (folder) => {
        await rm(folder, { recursive: true });
        await copyAsItIs(copy, folder);
      });
      delivered(
        "Postgres runs from the older copy, in which the former host holds the account",
        true,
      );
    },
  },
  {
    name: "nats-leader",
    proves:
      "a cluster of three that loses its leader disconnects no account, at production constants",
    hosts: 2,
    epochRises: false,
    natsCluster: true,
    environment: { HOLDFAST_PROFILE: "production" },
    async run({ fleet, delivered, rest }) {
      const manager = await jetstreamManager(await fleet.natsAs("node"), { timeout: 20_000 });
      const leaderOf = async () =>
        (await manager.streams.info("KV_HOLDFAST_HOSTS")).cluster?.leader ?? null;
      const open = () =>
        fleet.dc.ledger
          .connections({ open: true })
          .map(({ id }) => id)
          .toSorted((a, b) => a - b);
      const leader = await eventually("the leases have a leader", leaderOf);
      const before = open();
      fleet.natsCluster!.kill(leader);
      await eventually("another leader", async () => {
        const next = await leaderOf();
        return next !== null && next !== leader;
      });
      // Past the hold: a lease without a renewal since then would be over by now.
      await rest(productionHoldMs + 2_000);
      delivered(`SIGKILL of ${leader}, which led the leases`, true);
      const kept = before.every((id) => open().includes(id));
      delivered(`${before.length} connections stayed open`, kept && before.length > 0);
    },
  },
];
