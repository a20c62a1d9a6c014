import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIncarnationKey } from "../../src/adapters/crypto/incarnation-key.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import type { LeaseValue } from "../../src/custody/registers.ts";
import { endedText, fencedText, letGoText } from "../../src/custody/signed-statements.ts";
import type { FenceRequest } from "../../src/ports/custody/fleet-bus.ts";
import type { GrantRef } from "../../src/ports/custody/gate.ts";
import type { ChaosHost } from "../../src/proof/chaos/chaos-host.ts";
import { type ChaosFleet, eventually, startFleet } from "../../src/proof/chaos/fleet.ts";
import { holdMs } from "../../src/proof/chaos/stage.ts";

let fleet: ChaosFleet;
/** A host of the fleet that lies: it has the credentials of a node and of a gate. */
let lyingNode: NatsConnection;
let lyingGate: NatsConnection;

beforeAll(async () => {
  fleet = await startFleet({ hosts: 2, accounts: 2, log: () => {} });
  const as = (user: string) =>
    connectNats({ ...fleet.natsServer.access(user), url: fleet.natsServer.url }, `lying ${user}`);
  lyingNode = await as("node");
  lyingGate = await as("gate");
}, 120_000);

afterAll(async () => {
  await lyingNode?.close();
  await lyingGate?.close();
  await fleet?.close();
}, 60_000);

const liar = createIncarnationKey();
const say = (news: object) => lyingNode.publish("holdfast.custody.news", JSON.stringify(news));

interface Victim {
  readonly host: ChaosHost;
  readonly incarnation: string;
  /** With their real epochs. */
  readonly grants: readonly GrantRef[];
}

/** The host that holds the most, with what the fleet tells of it. */
async function victimOfTheRound(): Promise<Victim> {
  const tokens = await fleet.tokens();
  const heldBy = (host: ChaosHost) => tokens.filter((token) => token.host === host.name);
  const [host] = fleet.hosts.toSorted((a, b) => heldBy(b).length - heldBy(a).length);
  const held = heldBy(host!);
  expect(held.length).toBeGreaterThan(0);
  const grants = held.map(({ account, slot, epoch }) => ({ account, slot, epoch }));
  return { host: host!, incarnation: held[0]!.incarnation!, grants };
}

/**
 * Says all that would free the victim's keys, in its name, in the liar's own and in that of no host: each unsigned and
 * with the liar's signature.
 */
function lie({ host, incarnation, grants }: Victim): void {
  for (const of of [incarnation, liar.incarnation, "somebody-else"]) {
    const letGo = { type: "let-go", incarnation: of, grants } as const;
    say(letGo);
    say({ ...letGo, signature: liar.sign(letGoText(letGo)) });
    const ended = { type: "ended", incarnation: of, host: host.name } as const;
    say(ended);
    say({ ...ended, signature: liar.sign(endedText(ended)) });
  }
}

/** Answers each fence of the fleet at once, as if the gate had cut. */
function answerFences(): () => void {
  const subscription = lyingGate.subscribe("holdfast.custody.fence.*", {
    callback: (_error, message) => {
      const incarnation = message.subject.split(".").at(-1)!;
      message.respond(`cut ${liar.sign(fencedText(incarnation, message.json<FenceRequest>()))}`);
    },
  });
  return () => subscription.unsubscribe();
}

async function leaseOf(host: string): Promise<LeaseValue> {
  const subject = "$JS.API.STREAM.MSG.GET.KV_HOLDFAST_HOSTS";
  const asked = JSON.stringify({ last_by_subj: `$KV.HOLDFAST_HOSTS.${host}` });
  const { message } = (await lyingNode.request(subject, asked)).json<{
    message: { data: string };
  }>();
  return JSON.parse(Buffer.from(message.data, "base64").toString()) as LeaseValue;
}

/** Writes over the lease of the victim; its gate sees a write that it did not make. */
async function forgeLease({ host }: Victim, change: Partial<LeaseValue>): Promise<void> {
  const lease = await leaseOf(host.name);
  const forged = { ...lease, n: lease.n - 1, nonce: "forged", ...change };
  lyingNode.publish(`$KV.HOLDFAST_HOSTS.${host.name}`, JSON.stringify(forged));
}

async function liesFor(ms: number, victim: Victim): Promise<void> {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    lie(victim);
    await lyingNode.flush();
    // Not so fast that the lies themselves are what takes the time.
    await fleet.tokens();
  }
}

const overlaps = () => fleet.dc.ledger.overlaps()["any-two-connections"];

describe("a host that lies, with the credentials of a node and of a gate", () => {
  it("frees no key while the other lives", async () => {
    const before = await fleet.tokens();
    await liesFor(1_000, await victimOfTheRound());
    expect(overlaps()).toBe(0);
    expect(await fleet.tokens()).toEqual(before);
  });

  it("puts no two hosts on one key while the other is cut off from NATS", async () => {
    const stopAnswering = answerFences();
    const victim = await victimOfTheRound();
    victim.host.links.nats.set("frozen");
    const frozenMs = performance.now();
    await eventually("the other host takes over", async () => {
      lie(victim);
      await lyingNode.flush();
      const tokens = await fleet.tokens();
      return !tokens.some(({ incarnation }) => incarnation === victim.incarnation);
    });
    // It may be connected for as long as its lease lets it.
    expect(performance.now() - frozenMs).toBeGreaterThan(holdMs);
    victim.host.links.nats.set("flow");
    stopAnswering();
    await fleet.untilServed();
    expect(overlaps()).toBe(0);
  }, 60_000);

  it.each([
    ["live and serving nothing", { serving: false }],
    ["given up", { serving: false, status: "released" }],
  ] as const)(
    "puts no two hosts on one key by a lease that says: %s",
    async (_says, change) => {
      const stopAnswering = answerFences();
      const victim = await victimOfTheRound();
      await forgeLease(victim, change);
      await liesFor(1_000, victim);
      await fleet.untilServed();
      stopAnswering();
      expect(overlaps()).toBe(0);
    },
    60_000,
  );
});
