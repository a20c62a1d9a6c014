import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import type { Kernel } from "../../../src/proof/simulation/kernel.ts";
import { createLink } from "../../../src/proof/simulation/link.ts";
import { createSimBus } from "../../../src/proof/simulation/sim-bus.ts";
import { createSimRegister } from "../../../src/proof/simulation/sim-register.ts";
import { createSimStore } from "../../../src/proof/simulation/sim-store.ts";
import { keyIds, type MakeCustodyStores } from "../../fixtures/fresh-custody.ts";
import { runningKernel } from "../../fixtures/running-kernel.ts";
import { specifyFleetBus } from "../../contracts/fleet-bus.ts";
import { specifyIncarnationStore } from "../../contracts/incarnation-store.ts";
import { specifySharedRegister } from "../../contracts/shared-register.ts";
import { specifyTokenStore } from "../../contracts/token-store.ts";

const timeoutMs = 1000;

const viewsOn = (kernel: Kernel) => {
  const view = (name: string) => ({ from: kernel.spawn(name, 1), link: createLink() });
  return [view("one"), view("two")] as const;
};

specifySharedRegister(async () => {
  const { kernel, close } = runningKernel();
  const register = createSimRegister<{ readonly nonce: string }>(kernel, timeoutMs);
  const [one, two] = viewsOn(kernel);
  return { one: register.view(one), two: register.view(two), close };
});

specifyFleetBus(async () => {
  const { kernel, close } = runningKernel();
  const bus = createSimBus(kernel, timeoutMs);
  const [one, two] = viewsOn(kernel);
  return { one: bus.view(one), two: bus.view(two), id: "i1", listening: async () => {}, close };
});

const custodyStores: MakeCustodyStores = async () => {
  const { kernel, close } = runningKernel();
  const store = createSimStore(kernel, timeoutMs, tokenRules(tokenMachine), () => {});
  const accounts = ["one", "two"] as const;
  for (const [index, account] of accounts.entries()) {
    store.addToken({ account, slot: 1, keyId: keyIds[index]! });
  }
  const view = store.view(viewsOn(kernel)[0]);
  return { tokens: view, incarnations: view, accounts, close };
};
specifyTokenStore(custodyStores);
specifyIncarnationStore(custodyStores);
