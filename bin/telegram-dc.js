#!/usr/bin/env node
import { moduleOf, requireNode } from "./node-floor.js";

requireNode("telegram-dc");
void import(moduleOf("telegram-dc/program"))
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
    if (process.connected) process.disconnect();
  });
