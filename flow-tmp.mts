import { measureTurnFlow } from "./src/bench/turn-flow.ts";
console.log(await measureTurnFlow((l) => console.log(l)));
