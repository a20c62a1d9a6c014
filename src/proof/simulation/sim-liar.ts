import { hostKey, type LeaseValue } from "../../custody/registers.ts";
import { endedText, fencedText, leaseText, letGoText } from "../../custody/signed-statements.ts";
import type { FleetBus, FleetNews } from "../../ports/custody/fleet-bus.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { Signer } from "../../ports/custody/signatures.ts";
import type { SharedRegister } from "../../ports/custody/shared-register.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import type { SimProcess } from "./kernel.ts";
import type { Random } from "./random.ts";
import type { SimFleet, SimLinks } from "./sim-fleet.ts";

/** A host whose credentials a liar has beside its own gate: its key, its lease in NATS, and the whole bus. */
export interface Liar {
  readonly name: string;
  readonly links: SimLinks;
  readonly gate: SimProcess;
  readonly signer: Signer;
}

interface Tools extends Liar {
  readonly random: Random;
  readonly bus: FleetBus;
  readonly hosts: SharedRegister<LeaseValue>;
  /** All that was said on the bus since the lie began: it may be said again. */
  readonly heard: readonly FleetNews[];
  /** A token as it stands, with its holder. */
  someToken(): { readonly grant: GrantRef; readonly holder: string };
}

const lieMsMax = 400;

type Lie = (tools: Tools) => void;

/** Its own name, another's, or one that never was. */
const someName = ({ random, signer }: Tools, other: string): string =>
  random.pick([signer.incarnation, other, other, other, "nobody"]);

/** Its own signature is the best that a liar has; none and nonsense are others. */
const someSignature = ({ random, signer }: Tools, text: string): { signature?: string } =>
  random.pick([{}, { signature: "nonsense" }, { signature: signer.sign(text) }]);

const sayLetGo: Lie = (tools) => {
  const { grant, holder } = tools.someToken();
  const news = { type: "let-go", incarnation: someName(tools, holder), grants: [grant] } as const;
  tools.bus.tell({ ...news, ...someSignature(tools, letGoText(news)) });
};

const sayEnded: Lie = (tools) => {
  const { holder } = tools.someToken();
  const host = tools.random.pick([tools.name, "h1", "h2", "h3"]);
  const news = { type: "ended", incarnation: someName(tools, holder), host } as const;
  tools.bus.tell({ ...news, ...someSignature(tools, endedText(news)) });
};

/** A genuine message again, for other grants, or in another's name. */
const sayAgain: Lie = (tools) => {
  if (tools.heard.length === 0) return;
  const news = tools.random.pick(tools.heard);
  const { grant, holder } = tools.someToken();
  if (news.type === "let-go") {
    const grants = tools.random.pick([news.grants, [grant], [...news.grants, grant]]);
    tools.bus.tell({ ...news, grants });
  } else if (news.type === "ended") {
    tools.bus.tell({ ...news, incarnation: tools.random.pick([news.incarnation, holder]) });
  } else tools.bus.tell(news);
};

const sayFreed: Lie = (tools) => tools.bus.tell({ type: "freed", ...tools.someToken().grant });

/** Answers for another gate that it has cut, before that gate does. */
const answerFences: Lie = (tools) => {
  const { holder } = tools.someToken();
  const stop = tools.bus.onFence(holder, async (request) =>
    tools.random.pick(["nonsense", tools.signer.sign(fencedText(holder, request))]),
  );
  tools.gate.clock.schedule(tools.random.whole(500, 10_000), stop);
};

/** Any bytes under its own name in the register of hosts. */
const writeLease: Lie = (tools) => {
  const { random, signer, hosts, name } = tools;
  const key = hostKey(name);
  const { holder } = tools.someToken();
  const lease: LeaseValue = {
    generation: random.whole(0, 9),
    incarnation: someName(tools, holder),
    n: random.whole(0, 1000),
    nonce: `lie-${random.whole(1, 1_000_000)}`,
    status: random.pick(["live", "released", "revoked"]),
    serving: random.chance(0.5),
    holdMs: random.pick([1, 20_000]),
    answerMs: 1,
  };
  const value = random.pick<unknown>([
    { ...lease, signature: signer.sign(leaseText(key, lease)) },
    lease,
    null,
    "nonsense",
    { incarnation: holder },
  ]);
  hosts
    .read(key)
    .then((entry) => hosts.write(key, value as LeaseValue, entry?.revision ?? 0))
    .catch(() => undefined);
};

const lies: readonly Lie[] = [sayLetGo, sayLetGo, sayEnded, sayAgain, sayFreed, answerFences];

/**
 * Sends any message of custody at any time until the returned function is called. `boldness` in [0, 1): above a half it
 * writes to its own lease too, which costs the host that lease.
 */
export function beginLying(
  { kernel, bus, hosts, store, accounts }: SimFleet,
  liar: Liar,
  boldness: number,
): () => void {
  const { gate, links } = liar;
  const from = { from: gate, link: links.nats };
  const heard: FleetNews[] = [];
  const view = bus.view(from);
  const stopHearing = view.onNews((news) => void heard.push(news));
  const refs: readonly SlotRef[] = accounts.map((account) => ({ account, slot: 1 }));
  const tools: Tools = {
    ...liar,
    random: kernel.random,
    bus: view,
    hosts: hosts.view(from),
    heard,
    someToken() {
      const ref = kernel.random.pick(refs);
      const token = store.token(ref);
      return {
        grant: { ...ref, epoch: token?.epoch ?? 0 },
        holder: token?.incarnation ?? "nobody",
      };
    },
  };
  const repertoire = boldness > 0.5 ? [...lies, writeLease] : lies;
  let cancel = () => {};
  const lie = () => {
    kernel.random.pick(repertoire)(tools);
    cancel = gate.clock.schedule(kernel.random.next() * lieMsMax, lie);
  };
  lie();
  return () => {
    cancel();
    stopHearing();
  };
}
