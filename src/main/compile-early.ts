import { setFlagsFromString } from "node:v8";

/**
 * Imported before anything else by gate and node. A process that has just started takes accounts over with code that
 * never ran: compiled plainly at its first call, instead of interpreted for a while, it is a third faster then.
 */
setFlagsFromString("--always-sparkplug");
