import { mkdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadMachines } from "./load-machines.ts";
import { machineDiagram } from "./machine-diagram.ts";

const usage = `Usage: npm run diagrams -- [--check] [--into FOLDER]
Draws each machine of machines/ into docs/machines/<id>.md.
  --check        write nothing; exit 1 when a diagram is missing or stale
  --into FOLDER  another folder than docs/machines`;

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    into: { type: "string", default: fileURLToPath(new URL("../docs/machines", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function drawAll(folder: string, check: boolean): Promise<readonly string[]> {
  const changed: string[] = [];
  if (!check) await mkdir(folder, { recursive: true });
  for (const { file, machine } of await loadMachines()) {
    const path = resolve(folder, `${machine.id}.md`);
    const page = machineDiagram(machine, file);
    if ((await readIfThere(path)) === page) continue;
    changed.push(`${machine.id}.md`);
    if (!check) await writeFile(path, page);
  }
  return changed;
}

if (values.help) {
  console.log(usage);
} else {
  const changed = await drawAll(values.into, values.check);
  if (!values.check) {
    console.log(
      changed.length === 0 ? "All diagrams were current." : `Drew ${changed.join(", ")}.`,
    );
  } else if (changed.length > 0) {
    console.error(
      `Stale or missing in ${values.into}: ${changed.join(", ")}; run npm run diagrams`,
    );
    process.exitCode = 1;
  }
}
