import { setFlagsFromString } from "node:v8";

/**
 * How V8 runs gate and node. Imported before anything else by gate and node. A process that has just started takes accounts over with code that
 * never ran: compiled plainly at its first call, instead of interpreted for a while, it is a third faster then.
 */
setFlagsFromString("--always-sparkplug");
// What a turn makes lives for milliseconds: with room for it, nothing of it is copied to the old generation.
setFlagsFromString("--max-semi-space-size=64");
setFlagsFromString("--min-semi-space-size=16");
