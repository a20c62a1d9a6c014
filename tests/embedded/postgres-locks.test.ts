import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { removeStaleLocks } from "../../src/embedded/postgres-locks.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

it("of a server go, data's and socket's, where their number is that of another process", () => {
  const home = temporaryHome();
  const files = ["postmaster.pid", ".s.PGSQL.5432.lock"].map((name) => join(home, name));
  for (const file of files) writeFileSync(file, `${process.pid}\n${home}\n`);
  removeStaleLocks(home, 5432);
  expect(files.filter((file) => existsSync(file))).toEqual([]);
});
