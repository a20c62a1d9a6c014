#!/usr/bin/env node
const { register } = await import("tsx/esm/api");
register();
const { main } = await import("../src/main/telegram-dc.ts");
process.exitCode = await main(process.argv.slice(2));
if (process.connected) process.disconnect();
