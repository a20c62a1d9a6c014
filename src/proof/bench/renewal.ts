import { connect } from "node:net";
import type { RenewalMethod } from "../../../machines/lifecycle.ts";
import { renewalMethodsFor } from "../../accounts/login/methods.ts";
import { createMtcuteDriver } from "../../adapters/telegram/mtcute/driver.ts";
import { type ChaosAccount, type ChaosFleet, eventually, startFleet } from "../chaos/fleet.ts";
import { startLoad } from "../chaos/load.ts";
import { alreadyOpen } from "../../ports/custody/gate.ts";
import { defaultDevice, silentEvents } from "../../ports/telegram/telegram.ts";
import type { RpcRecord } from "../../telegram-dc/world/ledger/ledger-records.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const accounts = 4;
const roundsPerMethod = 8;
const baselineRounds = 2;
/** People and scripts keep the machine busy, not full. */
const load = { thinkMs: 250, callersPerBot: 1 };
/**
 * The old procedure looked this often whether its workers had stopped, and whether they had
 * started.
 */
const pollMs = 2_000;
const goalMs = 100;

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * The downtime of an account in a renewal of each method, against its downtime in the old
 * procedure.
 */
export async function measureRenewals(log: (line: string) => void): Promise<readonly Figure[]> {
  const users = await withFleet("user", log, async (fleet) => {
    const oldMs: number[] = [];
    for (let round = 1; round <= baselineRounds; round += 1) {
      for (const account of fleet.accounts) oldMs.push(await renewTheOldWay(fleet, account));
      log(
        `the old procedure, round ${round} of ${baselineRounds}: ${oldMs.map(Math.round).join(" ")} ms`,
      );
    }
    const old = percentile(oldMs, 0.5);
    const figures = [figure("old-procedure-downtime-p50-ms", old, "ms", old)];
    for (const method of renewalMethodsFor("user")) {
      figures.push(...(await measureMethod(fleet, method, old, log)));
    }
    return figures;
  });
  const old = users[0]?.value ?? Number.NaN;
  const bots = await withFleet("bot", log, (fleet) => measureMethod(fleet, "bot-token", old, log));
  return [...users, ...bots];
}

async function withFleet(
  kind: "user" | "bot",
  log: (line: string) => void,
  measure: (fleet: ChaosFleet) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const fleet = await startFleet({ hosts: 1, accounts, kind, direct: true, log: () => {} });
  const working = await startLoad(fleet, load);
  try {
    await rest(1000);
    const figures = await measure(fleet);
    const { overlaps, duplicated, lost } = await working.end();
    log(`${kind}s: ${overlaps} overlaps, ${duplicated} duplicate replies, ${lost} lost`);
    return [...figures, figure(`renewal-overlaps-${kind}s`, overlaps, "pairs", 1)];
  } finally {
    working.abandon();
    await fleet.close();
  }
}

async function measureMethod(
  fleet: ChaosFleet,
  method: RenewalMethod,
  oldMs: number,
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const samples: number[] = [];
  for (let round = 1; round <= roundsPerMethod; round += 1) {
    for (const { account } of fleet.accounts) {
      const id = `${method}-${round}-${account}`;
      const { sealTo } = fleet;
      await fleet.ask(`holdfast.account.${account}.renew`, { id, method, sealTo });
      await eventually(`${id} is done`, () => isOver(fleet, id));
      samples.push(await downtimeOf(fleet, account, id));
      await eventually(`${account} is tidy`, () => isTidy(fleet, account));
    }
  }
  log(`${method}: ${samples.length} renewals, ${samples.map(Math.round).join(" ")} ms`);
  return [
    figure(`renewal-downtime-p50-ms-${method}`, percentile(samples, 0.5), "ms", oldMs),
    figure(`renewal-downtime-p99-ms-${method}`, percentile(samples, 0.99), "ms", oldMs),
    figure(`renewal-downtime-to-goal-${method}`, percentile(samples, 0.5), "ms", goalMs),
  ];
}

async function isOver({ database }: ChaosFleet, id: string): Promise<boolean> {
  const [row] = await database.query<{ state: string; reason: unknown }>(
    "select state, reason from renewals where id = $1",
    [id],
  );
  if (row?.state === "aborted") throw new Error(`${id} was aborted: ${JSON.stringify(row.reason)}`);
  return row?.state === "done";
}

async function isTidy({ database }: ChaosFleet, account: string): Promise<boolean> {
  const left = await database.query(
    "select from authorisations where account = $1 and state in ('PENDING', 'RETIRING')",
    [account],
  );
  return left.length === 0;
}

const answersOf = ({ dc }: ChaosFleet, keyId: string): readonly RpcRecord[] =>
  dc.ledger.rpcs().filter((rpc) => rpc.authKeyId === keyId && rpc.answeredAtMs !== undefined);

/**
 * From the old key's last answer before the switch to the new key's first answer after it, as the
 * data centre saw them.
 */
async function downtimeOf(fleet: ChaosFleet, account: string, id: string): Promise<number> {
  const [row] = await fleet.database.query<{ old_key: string; new_key: string; at: string }>(
    `select o.key_id as old_key, n.key_id as new_key, extract(epoch from s.at) * 1000 as at
     from renewals r
     join authorisations o on o.account = r.account and o.slot = r.from_slot
     join authorisations n on n.account = r.account and n.slot = r.to_slot
     join renewal_steps s on s.renewal = r.id and s.step = 'switched'
     where r.id = $1 and r.account = $2`,
    [id, account],
  );
  const { old_key, new_key, at } = row!;
  const switchedMs = Number(at);
  const first = await eventually("the new key answers", async () =>
    answersOf(fleet, new_key).find(({ atMs }) => atMs >= Math.floor(switchedMs)),
  );
  const last = answersOf(fleet, old_key)
    .filter(({ answeredAtMs }) => answeredAtMs! <= switchedMs + 1)
    .at(-1);
  return first.answeredAtMs! - last!.answeredAtMs!;
}

/**
 * The replaced scripts' procedure: stop, look every 2 s; log a fresh key in; start, look every 2 s.
 */
async function renewTheOldWay(fleet: ChaosFleet, of: ChaosAccount): Promise<number> {
  const { account, username } = of;
  const subject = (verb: string) => `holdfast.account.${account}.${verb}`;
  const userId = fleet.dc.phone.user(username).id;
  const answered = () =>
    fleet.dc.ledger
      .rpcs()
      .filter((rpc) => rpc.userId === userId && rpc.answeredAtMs !== undefined)
      .filter(({ method }) => !method.startsWith("auth.") && !method.startsWith("account."));
  const stopping = fleet.ask(subject("drain")).catch(() => null);
  await stopping;
  const last = answered().at(-1)!.answeredAtMs!;
  await pollUntil(fleet, subject("status"), "stopped");
  await logInBeside(fleet, of);
  const startedMs = Date.now();
  await fleet.ask(subject("resume"));
  await pollUntil(fleet, subject("status"), "active");
  const first = await eventually("it answers again", async () =>
    answered().find(({ atMs }) => atMs >= startedMs),
  );
  return first.answeredAtMs! - last;
}

async function pollUntil(fleet: ChaosFleet, subject: string, wanted: string): Promise<void> {
  for (;;) {
    await rest(pollMs);
    const answer = await fleet.ask(subject).catch(() => null);
    if ((answer?.["account"] as { state: string } | undefined)?.state === wanted) return;
  }
}

/** A fresh key, logged in by code and logged out again, as a separate script would do it. */
async function logInBeside({ dc }: ChaosFleet, of: ChaosAccount): Promise<void> {
  const client = createMtcuteDriver({
    apiId: 1,
    apiHash: "0".repeat(32),
    dataCentre: { id: dc.dcId, host: dc.host, port: dc.port, publicKeyPem: dc.rsaPublicKeyPem },
  }).open({
    session: null,
    device: defaultDevice,
    dial: async ({ host, port }) => alreadyOpen(connect({ host, port })),
    events: { ...silentEvents, onSession: async () => {} },
  });
  await client.connect();
  const phone = `+${dc.phone.user(of.username).phone}`;
  const { codeHash } = await client.requestCode(phone);
  const sent = await dc.phone.waitForCode(of.username, pollMs);
  await client
    .signIn({ phone, codeHash, code: sent!.code })
    .catch(() => client.checkPassword(of.password ?? ""));
  await client.logOut();
  await client.close();
}
