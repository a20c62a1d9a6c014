import type { LifecycleEvent } from "../../machines/lifecycle.ts";
import type { FaultSpec } from "../../src/telegram-dc/world/faults.ts";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import {
  answerWithCode,
  boundsMs,
  commitReply,
  logInElsewhere,
  renewElsewhere,
  type Scene,
} from "./lifecycle-scene.ts";

type Cause<Type extends LifecycleEvent["type"]> = (
  scene: Scene,
  event: Extract<LifecycleEvent, { readonly type: Type }>,
) => Promise<void>;

type Causes = { readonly [Type in LifecycleEvent["type"]]: Cause<Type> };

/** Makes an event happen in the world that the account is in; only an operator's wishes are sent. */
export async function causeEvent(scene: Scene, event: LifecycleEvent): Promise<void> {
  const cause = causes[event.type] as (scene: Scene, event: LifecycleEvent) => Promise<void>;
  await cause(scene, event);
}

const goOn = ({ held }: Scene): void => {
  for (const call of held.waiting) call.goOn();
};

/** Calls of the previous state may still be under way: they do not hold this one's up. */
const letWorkGoOn = async ({ held, account }: Scene): Promise<void> =>
  held.letPass(account.runtime.state);

const order =
  (event: LifecycleEvent) =>
  async ({ account }: Scene): Promise<void> => {
    void account.runtime.send(event);
  };

/** A fault of the data centre that lasts until the step is over. */
function arrange({ bench, undo }: Scene, spec: FaultSpec): void {
  const { id } = bench.dc.phone.addFault(spec);
  undo.push(async () => void bench.dc.phone.removeFault(id));
}

/**
 * The model's flood wait: longer than the patience with a broken connection, shorter than any
 * bound.
 */
export const floodMs = 11_000;

const slotNow = ({ account }: Scene): number => account.runtime.snapshot.context.slot ?? 0;

async function keyOf({ bench, account }: Scene, slot: number): Promise<string> {
  const slots = await bench.accounts.slots(account.name);
  const keyId = slots.find((known) => known.slot === slot)?.keyId;
  if (keyId == null) throw new Error(`slot ${slot} of ${account.name} has no key`);
  return keyId;
}

/** Another host is granted a free token. */
async function strangerTakes({ bench, account, stranger }: Scene, slot: number): Promise<void> {
  const ref = { account: account.name, slot };
  const { applied } = await bench.tokens.apply(ref, { type: "grant", incarnation: stranger });
  if (!applied) throw new Error(`the token of slot ${slot} was not free for the stranger`);
}

export async function strangerGivesBack({ bench, account, stranger }: Scene): Promise<void> {
  for (const token of await bench.tokens.heldBy(stranger)) {
    if (token.account !== account.name) continue;
    await bench.tokens.apply(token, { type: "released", epoch: token.epoch });
  }
}

/**
 * Observers that no longer hear this host revoke its token; the host does not hear of that either.
 */
async function tokenTaken(scene: Scene): Promise<void> {
  const { bench, account } = scene;
  const { incarnation } = bench;
  const ref = { account: account.name, slot: slotNow(scene) };
  for (const type of ["suspected", "revoked", "silenced"] as const) {
    await bench.tokens.apply(ref, { type, incarnation });
  }
}

function callerWrites({ bench, caller, selfName }: Scene): void {
  bench.dc.phone.send(caller.username ?? "", { peer: selfName, text: "Bonjour" });
}

/** A lost update and a next one: the account sees the gap and asks Telegram for the difference. */
function makeAccountCall(scene: Scene): void {
  arrange(scene, { kind: "lose-update", userId: scene.self.id });
  callerWrites(scene);
  callerWrites(scene);
}

function called({ bench, self }: Scene, method: string): Promise<void> {
  return new Promise((resolve) => {
    const forget = bench.dc.ledger.onAnswered((rpc) => {
      if (rpc.method !== method || (rpc.userId !== undefined && rpc.userId !== self.id)) return;
      forget();
      resolve();
    });
  });
}

const loginMethod = ({ world }: Scene): string =>
  world.kind === "bot" ? "auth.importBotAuthorization" : "auth.sendCode";

const isConnecting = ({ account }: Scene): boolean =>
  account.runtime.state === "connecting" || account.runtime.state === "restarting";

async function refuseLogin(scene: Scene): Promise<void> {
  arrange(scene, { kind: "error", method: loginMethod(scene), code: 400, message: "PATH_REFUSED" });
  await letWorkGoOn(scene);
}

const causes: Causes = {
  login: (scene, event) => order(event)(scene),
  "login.failed": refuseLogin,
  async "slot.authorised"(scene) {
    const { world, bench, account, selfName } = scene;
    const requested = called(scene, loginMethod(scene));
    await letWorkGoOn(scene);
    await requested;
    if (world.kind === "bot") return;
    const sent = bench.dc.phone.readCode(selfName);
    await answerWithCode(account, sent?.code ?? "", scene.stepMsMax);
  },
  async "slot.moved"(scene) {
    const { account, bench } = scene;
    if (account.runtime.state === "seeking") {
      await renewElsewhere(scene);
      return letWorkGoOn(scene);
    }
    await logInElsewhere(scene);
    account.refresh((await bench.accounts.find(account.name))!);
  },
  async "token.granted"(scene) {
    await strangerGivesBack(scene);
    await letWorkGoOn(scene);
  },
  async "token.lost"(scene, event) {
    // Before it serves, an account has no work of its own that would notice the loss: the host is
    // told of it.
    if (isConnecting(scene)) return order(event)(scene);
    await tokenTaken(scene);
    callerWrites(scene);
  },
  "client.ready": letWorkGoOn,
  async "client.failed"(scene) {
    const authKeyId = await keyOf(scene, slotNow(scene));
    const refusal = { code: 400, message: "PATH_REFUSED" };
    arrange(scene, { kind: "error", method: "users.getUsers", authKeyId, ...refusal });
    goOn(scene);
  },
  async "client.lost"(scene) {
    const { bench, self, timers, world } = scene;
    const { disconnectMs } = world.timings;
    arrange(scene, { kind: "refuse-connections" });
    arrange(scene, { kind: "reset", method: "updates.getDifference", userId: self.id });
    makeAccountCall(scene);
    await eventually(scene.stepMsMax, () => {
      expect(timers.pending(disconnectMs)).toBeGreaterThan(0);
      bench.clock.advance(disconnectMs);
    });
  },
  async "key.dead"(scene) {
    const { bench, account } = scene;
    const slot = slotNow(scene);
    if (account.runtime.state === "seeking") {
      await bench.database.query(
        "update authorisations set session = '\\xdead' where account = $1 and slot = $2",
        [account.name, slot],
      );
      return goOn(scene);
    }
    const authKeyId = await keyOf(scene, slot);
    // Nothing is pushed to a dead key: the updates leave before it dies, the account's call comes
    // after.
    if (!isConnecting(scene)) makeAccountCall(scene);
    arrange(scene, { kind: "kill-key", authKeyId });
    if (isConnecting(scene)) goOn(scene);
  },
  async flood(scene, { waitSeconds: seconds }) {
    const { bench, account, self } = scene;
    const method = "messages.sendMessage";
    arrange(scene, { kind: "flood", method, userId: self.id, seconds });
    callerWrites(scene);
    await eventually(scene.stepMsMax, () => {
      expect(bench.appended.map((item) => item.account)).toContain(account.name);
    });
    await commitReply(scene);
    account.notifyOutbox();
  },
  async cooled({ bench }) {
    bench.clock.advance(floodMs);
  },
  pause: order({ type: "pause" }),
  resume: order({ type: "resume" }),
  async renew({ account }) {
    const before = account.runtime.snapshot.context.slot;
    void account.renew(`${account.name}-from-${before}-${crypto.randomUUID()}`, "auto");
  },
  "slot.prepared": letWorkGoOn,
  "prepare.failed": refuseLogin,
  drained: letWorkGoOn,
  async "drain.failed"(scene) {
    await refuseDrain(scene);
    goOn(scene);
  },
  "idle.verified": letWorkGoOn,
  async "idle.refused"(scene) {
    await strangerTakes(scene, slotNow(scene));
    goOn(scene);
  },
  switched: letWorkGoOn,
  async "switch.failed"(scene) {
    await strangerTakes(scene, scene.account.runtime.snapshot.context.nextSlot ?? 0);
    scene.undo.push(() => strangerGivesBack(scene));
    goOn(scene);
  },
  returned: letWorkGoOn,
  "cut.confirmed": letWorkGoOn,
  logout: order({ type: "logout" }),
  "slot.retired": letWorkGoOn,
  stop: (scene, event) => order(event)(scene),
  released: letWorkGoOn,
  async "bound.passed"(scene, { bound }) {
    await leaveUnanswered(scene);
    scene.bench.clock.advance(boundsMs[bound]);
  },
};

/** Keeps the state's work from ending: in the world if that is quick, else by holding the call. */
async function leaveUnanswered(scene: Scene): Promise<void> {
  const { held, account, world, self } = scene;
  const { state } = account.runtime;
  if (state === "seeking") {
    await strangerTakesOnce(scene);
    const refused = held.answered("claims.claim");
    goOn(scene);
    await refused;
  } else if (isConnecting(scene)) {
    arrange(scene, { kind: "blackhole", authKeyId: await keyOf(scene, slotNow(scene)) });
    const dialled = held.answered("gate.dial");
    goOn(scene);
    await dialled;
  } else if (state === "active.preparing") {
    const requested = called(scene, loginMethod(scene));
    arrange(
      scene,
      world.kind === "bot"
        ? { kind: "drop-answer", method: loginMethod(scene), when: "before" }
        : { kind: "lose-update", userId: self.id },
    );
    goOn(scene);
    await requested;
  }
}

async function strangerTakesOnce(scene: Scene): Promise<void> {
  const { bench, account } = scene;
  const slot = slotNow(scene);
  const token = await bench.tokens.read({ account: account.name, slot });
  if (token?.incarnation !== scene.stranger) await strangerTakes(scene, slot);
}

/** PostgreSQL refuses to write that this account's token drains. */
async function refuseDrain({ bench, account, undo }: Scene): Promise<void> {
  const name = `refuse_drain_${account.name.replaceAll("-", "_")}`;
  await bench.database.query(
    `create function ${name}() returns trigger language plpgsql as $$
     begin raise exception 'refused by the path'; end $$`,
  );
  await bench.database.query(
    `create trigger ${name} before update on tokens for each row
     when (new.state = 'draining' and new.account = '${account.name}') execute function ${name}()`,
  );
  undo.push(async () => {
    await bench.database.query(`drop function ${name}() cascade`);
  });
}
