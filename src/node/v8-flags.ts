import { setFlagsFromString } from "node:v8";

/**
 * How V8 runs gate and node. Imported before anything else by gate and node. A process that has just started takes accounts over with code that
 * never ran: compiled plainly at its first call, instead of interpreted for a while, it is a third faster then.
 */
setFlagsFromString("--always-sparkplug");
// Memory is given for calm: the heap may grow elevenfold over what lives (a few dozen MB) before it is marked and swept, which
// holds turns up for some 100 ms. With V8's own factor that was every two seconds of full load. Its limit stays V8's.
setFlagsFromString("--heap-growing-percent=1000");
