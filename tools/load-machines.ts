import { readdir } from "node:fs/promises";
import { type AnyStateMachine, StateMachine } from "xstate";

export interface MachineFile {
  readonly file: string;
  readonly machine: AnyStateMachine;
}

const folder = new URL("../machines/", import.meta.url);

/** Every machine that a file in `machines/` exports, by file name. */
export async function loadMachines(): Promise<readonly MachineFile[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts")).toSorted();
  const loaded = await Promise.all(
    files.map(async (file) => {
      const exported: Readonly<Record<string, unknown>> = await import(new URL(file, folder).href);
      return Object.values(exported)
        .filter((value): value is AnyStateMachine => value instanceof StateMachine)
        .map((machine) => ({ file, machine }));
    }),
  );
  return loaded.flat();
}
