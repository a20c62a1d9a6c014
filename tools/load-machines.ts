import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type AnyStateMachine, StateMachine } from "xstate";

export interface MachineFile {
  readonly file: string;
  readonly machine: AnyStateMachine;
}

const root = new URL("../", import.meta.url);

/** Where machines stand: those of the product, and the example bot's. */
const patterns = ["machines/*.ts", "src/bots/*/machine.ts"];

/** Every machine that a file exports, by file. */
export async function loadMachines(): Promise<readonly MachineFile[]> {
  const files: string[] = [];
  for await (const file of glob(patterns, { cwd: fileURLToPath(root) })) files.push(file);
  const loaded = await Promise.all(
    files.toSorted().map(async (file) => {
      const exported: Readonly<Record<string, unknown>> = await import(new URL(file, root).href);
      return Object.values(exported)
        .filter((value): value is AnyStateMachine => value instanceof StateMachine)
        .map((machine) => ({ file, machine }));
    }),
  );
  return loaded.flat();
}
