/**
 * Imported first by every program, before anything is written: what this process and its children write is for its
 * user alone, and no signal opens Node's inspector to other users of the machine.
 */
process.umask(0o077);
process.on("SIGUSR1", () => undefined);
