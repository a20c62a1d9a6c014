import type { TextSearch } from "../../ports/conversation/person-erasure.ts";
import { wordPattern } from "../../ports/word-forms.ts";
import type { Database } from "./database.ts";

/** Of a table, in one statement: a few seconds at most. */
const blocksAtOnce = 2_000;

interface Part {
  readonly name: string;
  readonly blocks: number;
}

/** Parts of tables and plain tables; how large each is now. */
const tables = `
  select c.oid::regclass::text as name,
    (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::int as blocks
  from pg_class c
  where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by c.relname`;

/** Looks through every row of every table as text, a stretch of blocks at a time. `at`: `<table> <block>`. */
export function createTextSearch(database: Database): TextSearch {
  async function countIn(table: string, from: number, pattern: string): Promise<number> {
    const [row] = await database.query<{ n: number }>(
      `select count(*)::int as n from ${table} t
       where t.ctid >= '(${from},0)'::tid and t.ctid < '(${from + blocksAtOnce},0)'::tid and t::text ~ $1`,
      [pattern],
    );
    return row!.n;
  }

  return {
    async search(word, at, budgetMs) {
      const pattern = wordPattern(word);
      const found: Record<string, number> = {};
      if (pattern === null) return { found, at: null };
      const untilMs = performance.now() + budgetMs;
      const [last, block] = at?.split(" ") ?? ["", "0"];
      const all = await database.query<Part & Record<string, unknown>>(tables);
      for (const { name, blocks } of all.filter((one) => one.name >= last!)) {
        for (let from = name === last ? Number(block) : 0; from < blocks; from += blocksAtOnce) {
          if (performance.now() >= untilMs) return { found, at: `${name} ${from}` };
          const n = await countIn(name, from, pattern);
          if (n > 0) found[name] = (found[name] ?? 0) + n;
        }
      }
      return { found, at: null };
    },
  };
}
