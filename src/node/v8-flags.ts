import { setFlagsFromString } from "node:v8";

/**
 * V8's settings for gate and node; both import this file first. A fresh process takes accounts over
 * with code that never ran. Compiled plainly at its first call, instead of interpreted for a while,
 * that code is a third faster.
 */
setFlagsFromString("--always-sparkplug");
// More memory buys fewer pauses. The heap may grow elevenfold over its live part (a few dozen MB)
// before it is marked and swept. Each sweep delays turns by some 100 ms. V8's own factor swept
// every two seconds under full load. The heap's limit stays V8's.
setFlagsFromString("--heap-growing-percent=1000");
// A buffer of a few bytes keeps the whole piece that it was cut from. Node 24 cuts from 64 KB, so that an account's key
// of 256 bytes could keep so much for as long as the account is held. Node 20 cut from 8 KB.
Buffer.poolSize = 8 * 1024;
