// Loaded before a gate or a node: its wall clock jumps by what the file says, whenever SIGUSR2 comes.
import { readFileSync } from "node:fs";

const real = Date.now;
let offsetMs = 0;
Date.now = () => real() + offsetMs;
process.on("SIGUSR2", () => {
  offsetMs = Number(readFileSync(process.env.CHAOS_CLOCK, "utf8"));
});
