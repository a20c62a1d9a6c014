#!/usr/bin/env node
import { moduleOf, requireNode } from "./node-floor.js";

requireNode("holdfast");
// No await out here: a Node that cannot parse it could not say what is wrong.
void import(moduleOf("main/cli"))
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
  });
