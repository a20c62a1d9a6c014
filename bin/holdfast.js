#!/usr/bin/env node
import { requireNode } from "./node-floor.js";

requireNode("holdfast");
// No await out here: a Node that cannot parse it could not say what is wrong.
void import("../src/main/cli.ts")
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
  });
