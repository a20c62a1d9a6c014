import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  type GrowthDay,
  growthFigures,
  keepForEver,
  shortPolicy,
  simulateGrowth,
  totalOf,
} from "../src/proof/bench/growth.ts";

/** Simulates thirty days with the retention and without it, and draws `docs/growth.svg`. Takes some minutes. */

const size = { days: 30, messagesPerDay: 1_000 };
const width = 640;
const height = 280;
const left = 56;
const bottom = 36;
const megabyte = 1024 * 1024;
const file = fileURLToPath(new URL("../docs/growth.svg", import.meta.url));

const log = (line: string) => void process.stderr.write(`· ${line}\n`);

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly days: readonly GrowthDay[];
}

function draw(lines: readonly Line[]): string {
  const most = Math.max(...lines.flatMap(({ days }) => days.map(totalOf))) * 1.1;
  const x = (day: number) => left + (day * (width - left - 16)) / (size.days - 1);
  const y = (bytes: number) => height - bottom - (bytes * (height - bottom - 16)) / most;
  const text = (at: string, words: string) => `<text ${at} fill="#444">${words}</text>`;
  const drawn = lines.flatMap(({ name, colour, days }) => {
    const points = days.map((day, n) => `${x(n).toFixed(1)},${y(totalOf(day)).toFixed(1)}`);
    const last = y(totalOf(days.at(-1)!));
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(" ")}"/>`,
      `<text x="${x(size.days - 1)}" y="${(last - 8).toFixed(1)}" text-anchor="end" fill="${colour}">${name}</text>`,
    ];
  });
  const step = Math.max(1, Math.ceil(most / megabyte / 4));
  const marks = Array.from({ length: Math.floor(most / megabyte / step) + 1 }, (_, n) => {
    const at = y(n * step * megabyte).toFixed(1);
    return `<line x1="${left}" x2="${width - 16}" y1="${at}" y2="${at}" stroke="#ddd"/>${text(`x="${left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle"`, `${n * step} MiB`)}`;
  });
  const days = [1, 10, 20, 30].map((day) =>
    text(`x="${x(day - 1).toFixed(1)}" y="${height - 14}" text-anchor="middle"`, `day ${day}`),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...marks,
    ...days,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

const kept = await simulateGrowth({ ...size, policy: shortPolicy }, log);
const all = await simulateGrowth({ ...size, policy: keepForEver }, log);
await writeFile(
  file,
  draw([
    { name: "kept for ever", colour: "#b3261e", days: all },
    { name: "with retention", colour: "#1a5fb4", days: kept },
  ]),
);
const tables = Object.entries(kept.at(-1)!.tables).toSorted(([, a], [, b]) => b - a);
process.stdout.write(
  `${JSON.stringify({
    figures: growthFigures(kept, all),
    largest: tables.slice(0, 8),
    withRetention: kept.map(totalOf),
    keptForEver: all.map(totalOf),
    streams: kept.map(({ streams }) => streams),
  })}\n`,
);
