#!/usr/bin/env node
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `holdfast needs Node 20.19 or newer and this is ${process.version}. Install a newer Node, 22 or later at best.`,
  );
  process.exit(1);
}
const { register } = await import("tsx/esm/api");
register();
const { main } = await import("../src/main/cli.ts");
process.exitCode = await main(process.argv.slice(2));
