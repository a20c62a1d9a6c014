#!/usr/bin/env node
import module from "node:module";
import { fileURLToPath } from "node:url";
import { moduleOf, requireNode } from "./node-floor.js";

requireNode("holdfast");
// What it writes is for its user alone, and no signal opens Node's inspector to other users.
process.umask(0o077);
process.on("SIGUSR1", () => undefined);
// Compiled code is kept beside its sources, never in a shared folder: who can write here can change the program anyway.
module.enableCompileCache(
  fileURLToPath(new URL("../node_modules/.cache/holdfast", import.meta.url)),
);
// No await out here: a Node that cannot parse it could not say what is wrong.
void import(moduleOf("main/cli"))
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
  });
