#!/usr/bin/env node
import { moduleOf, requireNode } from "./node-floor.js";

requireNode("telegram-dc");
// Its state is for its user alone, and no signal opens Node's inspector to other users.
process.umask(0o077);
process.on("SIGUSR1", () => undefined);
void import(moduleOf("telegram-dc/program"))
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
    if (process.connected) process.disconnect();
  });
