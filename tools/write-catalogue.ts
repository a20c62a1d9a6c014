import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalogueFile, readCatalogue } from "../src/adapters/postgres/catalogue.ts";
import { openDatabase } from "../src/adapters/postgres/database.ts";
import { migrate } from "../src/adapters/postgres/migrate.ts";
import { startPostgres } from "../src/embedded/postgres.ts";

/** Writes `migrations/catalogue.json` anew: what the migrations make of an empty database of its own. */
const home = await mkdtemp(join(tmpdir(), "holdfast-catalogue-"));
const server = await startPostgres({ home, log: () => {}, endsWithParent: true });
try {
  await migrate(server.url);
  const database = openDatabase(server.url, { poolMax: 1 });
  const found = await readCatalogue(database);
  await database.close();
  const lines = found.map(({ kind, name, on, definition }) =>
    JSON.stringify({ kind, name, on, definition }),
  );
  await writeFile(catalogueFile, `[\n${lines.join(",\n")}\n]\n`);
  process.stdout.write(`${lines.length} entries are in ${catalogueFile}\n`);
} finally {
  await server.stop();
  await rm(home, { recursive: true, force: true });
}
