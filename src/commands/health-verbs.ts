import type { FleetMembers } from "../custody/fleet-members.ts";
import type { FleetHealthStore } from "../ports/fleet-health.ts";
import type { NodeFigures } from "../ports/node-figures.ts";
import { mayName } from "../ports/speaker.ts";
import { accountsHealth } from "./account-health.ts";
import type { AccountStatus } from "./account-status.ts";
import { shownLeases, summarise } from "./host-summary.ts";
import type { FleetProtocol, Handlers } from "./protocol.ts";
import type { NodeProtocol } from "./node-protocol.ts";

/** The verbs about the fleet's health. */
export type HealthVerbs = Handlers<FleetProtocol, "health" | "hosts">;

export interface HealthCommandOptions {
  readonly store: FleetHealthStore;
  readonly members: Pick<FleetMembers, "leases" | "isLive">;
  /** Every account as the database knows it. */
  all(): Promise<readonly AccountStatus[]>;
}

/** Any node's answers. `health`: figures of the database. `hosts`: the hosts that live, or were revoked lately. */
export function createHealthCommands({ store, members, all }: HealthCommandOptions): HealthVerbs {
  return {
    async health(_body, speaker) {
      const [stored, accounts] = await Promise.all([store.read(speaker.accounts), all()]);
      const own = accounts.filter(({ name }) => mayName(speaker, name));
      return { ok: true, stored, accounts: accountsHealth(own) };
    },
    async hosts() {
      const leases = shownLeases(members.leases());
      const stored = await store.hosts(leases.map(({ incarnation }) => incarnation));
      return { ok: true, hosts: summarise(leases, stored, members.isLive) };
    },
  };
}

export interface FigureOptions {
  readonly host: string;
  /** The start of this node, milliseconds since 1970. */
  readonly sinceMs: number;
  /** `counts`: whether an account is one of the asker's. */
  figures(counts: (account: string) => boolean): Promise<NodeFigures>;
  /** Of the gate. */
  gateFigures(): Promise<Readonly<Record<string, number>>>;
}

/** A node's answer for itself: what it has counted. */
export function createFigureVerb(options: FigureOptions): Handlers<NodeProtocol, "metrics"> {
  return {
    async metrics(_body, speaker) {
      const [figures, gate] = await Promise.all([
        options.figures((account) => mayName(speaker, account)),
        options.gateFigures(),
      ]);
      const { host, sinceMs } = options;
      return {
        ok: true,
        host,
        since: new Date(sinceMs).toISOString(),
        figures,
        nodeRestarts: gate["nodeRestarts"] ?? 0,
      };
    },
  };
}
