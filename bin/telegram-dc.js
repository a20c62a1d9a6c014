#!/usr/bin/env node
import { requireNode } from "./node-floor.js";

requireNode("telegram-dc");
void import("../src/main/telegram-dc.ts")
  .then(({ main }) => main(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
    if (process.connected) process.disconnect();
  });
