// Must parse and run on any Node that knows modules: it is what an old one reads first.

var major = 22;
var minor = 18;

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
      ". Install Node 24, or in a checkout let npm bring it: npm ci && npx holdfast --help",
  );
  process.exit(1);
}
