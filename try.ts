import { runEngine } from "./src/proof/simulation/engine/run-engine.ts";
const [from, count, traced] = process.argv.slice(2);
const begun = performance.now();
let broken = 0, steps = 0, statements = 0;
const byKind: Record<string, number> = {};
const totals: Record<string, number> = {};
for (let seed = Number(from); seed < Number(from) + Number(count); seed += 1) {
  const t = performance.now();
  const r = await runEngine({ seed, ...(traced ? { trace: (l: string) => console.log(l) } : {}) });
  steps += r.steps; statements += r.statements;
  for (const [k, v] of Object.entries(r.counts)) totals[k] = (totals[k] ?? 0) + v;
  const ms = performance.now() - t;
  if (ms > 1000) console.log("SLOW", seed, ms.toFixed(0), r.steps);
  if (r.violation) { broken += 1; byKind[r.violation.invariant] = (byKind[r.violation.invariant] ?? 0) + 1;
    console.log(seed, r.violation.invariant, (r.violation.atMs/1000).toFixed(1), r.violation.message, "|", r.faults.map(f => `${f.kind}@${(f.atMs/1000).toFixed(1)}+${(f.lastsMs/1000).toFixed(1)}`).join(" ")); }
}
console.log({ broken, steps, statements, perSeedMs: (performance.now() - begun) / Number(count), byKind, totals });
