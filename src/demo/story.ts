import type { ControlAccess } from "../embedded/control-api.ts";
import type { Transitions } from "./transitions.ts";
import { type Crowd, createCrowd, type CrowdMember, type SeenTurn } from "./crowd.ts";
import { createPhoneUser } from "./phone-user.ts";

export interface StoryOptions {
  readonly control: ControlAccess;
  readonly transitions: Transitions;
  readonly turnsMin: number;
  /** The number of turns that must arrive during the renewal, and as many around the kill. */
  readonly turnsPerEvent: number;
  readonly accounts: {
    readonly bot: { readonly account: string; readonly username: string };
    readonly desk: { readonly account: string; readonly username: string };
  };
  killNode(): number;
  narrate(line: string): void;
}

export interface Told {
  readonly turns: readonly SeenTurn[];
  readonly failures: readonly string[];
  readonly turnsDuringRenewal: number;
  readonly turnsAroundKill: number;
  readonly renewals: number;
  readonly renewalDowntimeMs: number;
}

/** A span of time, milliseconds since 1970. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const botUsers = 12;
const deskUsers = 8;
const renewalsMax = 8;

/**
 * Tells the whole story: people talk; meanwhile the accounts are renewed and the node is killed;
 * they go on.
 */
export async function tellStory(options: StoryOptions): Promise<Told> {
  const { narrate, turnsMin, turnsPerEvent, accounts } = options;
  const crowd = createCrowd(await gather(options));
  narrate(`${botUsers + deskUsers} people talk to ${Object.values(accounts).length} accounts`);
  const hush = crowd.talk();
  await crowd.until((turns) => turns.length >= Math.floor(turnsMin / 3));

  const renewals: Span[] = [];
  const names = Object.values(accounts).map(({ account }) => account);
  while (countWithin(crowd.turns, renewals) < turnsPerEvent && renewals.length < renewalsMax) {
    narrate(`renewal ${renewals.length / names.length + 1}: every account moves to a fresh key`);
    renewals.push(...(await Promise.all(names.map((name) => renew(options, name)))));
  }
  const before = crowd.turns.length;
  await crowd.until((turns) => turns.length >= before + turnsPerEvent);

  const kill = await killAndReturn(options, crowd, names);
  await crowd.until((turns) => turns.length >= turnsMin && inSpan(turns, kill) >= turnsPerEvent);
  await hush();
  return {
    turns: crowd.turns,
    failures: crowd.failures,
    turnsDuringRenewal: countWithin(crowd.turns, renewals),
    turnsAroundKill: inSpan(crowd.turns, kill),
    renewals: renewals.length,
    renewalDowntimeMs: downtimeMs(options.transitions, names),
  };
}

async function gather({ control, accounts }: StoryOptions): Promise<CrowdMember[]> {
  const { bot, desk } = accounts;
  const member = async (name: string, to: typeof bot, buttons: boolean): Promise<CrowdMember> => ({
    user: await createPhoneUser(control, name, to.username),
    account: to.account,
    buttons,
  });
  return Promise.all([
    ...Array.from({ length: botUsers }, (_, n) => member(`Tapper ${n + 1}`, bot, true)),
    ...Array.from({ length: deskUsers }, (_, n) => member(`Writer ${n + 1}`, desk, false)),
  ]);
}

async function renew({ transitions }: StoryOptions, account: string): Promise<Span> {
  const fromMs = Date.now();
  const answer = await transitions.request(`holdfast.account.${account}.renew`, {});
  if (answer["ok"] !== true) throw new Error(`the renewal was refused: ${JSON.stringify(answer)}`);
  const end = await transitions.until(
    fromMs,
    ({ account: name, from, to }) =>
      name === account && (to === "aborting" || (to === "active" && from === "restarting")),
  );
  if (end.to === "aborting") {
    throw new Error(`the renewal of ${account} was aborted: ${end.reason?.message ?? "no reason"}`);
  }
  return { fromMs, toMs: end.atMs };
}

/**
 * Kills the node. The span begins a second before the kill, or with the first message unanswered
 * then; it ends a second after every account serves again.
 */
async function killAndReturn(
  { transitions, killNode, narrate }: StoryOptions,
  crowd: Crowd,
  accounts: readonly string[],
): Promise<Span> {
  const killedMs = Date.now();
  const pid = killNode();
  const waiting = crowd.turns.filter(({ repliedAtMs }) => repliedAtMs === null);
  narrate(`kill -9 of the node (pid ${pid}) with ${waiting.length} turns unanswered`);
  const back = await Promise.all(
    accounts.map((account) =>
      transitions.until(killedMs, (event) => event.account === account && event.to === "active"),
    ),
  );
  const toMs = Math.max(...back.map(({ atMs }) => atMs));
  narrate(`every account serves again after ${toMs - killedMs} ms`);
  return {
    fromMs: Math.min(killedMs - 1000, ...waiting.map(({ sentAtMs }) => sentAtMs)),
    toMs: toMs + 1000,
  };
}

const inSpan = (turns: readonly SeenTurn[], { fromMs, toMs }: Span): number =>
  turns.filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs <= toMs).length;

const countWithin = (turns: readonly SeenTurn[], spans: readonly Span[]): number =>
  turns.filter((turn) => spans.some((span) => inSpan([turn], span) > 0)).length;

/** The longest time from the end of serving on the old slot to the beginning on the new one. */
function downtimeMs({ seen }: Transitions, accounts: readonly string[]): number {
  const spans = accounts.flatMap((account) => {
    const own = seen.filter((event) => event.account === account);
    return own.flatMap((event, index) => {
      if (event.from !== "restarting" || event.to !== "active") return [];
      const began = own.slice(0, index).findLast(({ to }) => to === "draining");
      return began === undefined ? [] : [event.atMs - began.atMs];
    });
  });
  return Math.max(0, ...spans);
}
