import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

it("the bench of bystanders shows what others feel, and that nothing was lost or doubled", async () => {
  const args = ["src/proof/bench/main.ts", "bystanders", "--stage", "behind", "--quick", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  expect(code).toBe(0);
  const { figures } = JSON.parse(said) as {
    readonly figures: readonly { readonly name: string; readonly value: number }[];
  };
  const valueOf = (name: string) => figures.find((figure) => figure.name === name)?.value;
  expect(valueOf("behind-lost-or-parked")).toBe(0);
  expect(valueOf("behind-doubled")).toBe(0);
  expect(valueOf("behind-p99-during")).toBeGreaterThan(0);
  expect(valueOf("behind-p99-after")).toBeGreaterThan(0);
}, 240_000);
