import type { Client } from "pg";

/** Hosts: rows of every table, but nothing of the schema. A login of a host is made a member of it. */
export const runtimeRole = "holdfast_runtime";
/** Whoever only looks: `prove`, `status`, a backup. */
export const readerRole = "holdfast_reader";

/** What is written there once stays. */
const appendOnly: readonly string[] = ["custody_ledger", "audit"];
/** What the owner alone writes. */
const ownersOnly: readonly string[] = ["schema_migrations"];

/** A note for the migrator. */
export const rolesMissing = `This role may not make the roles of hosts and readers, so hosts must connect as the owner. As a role that may: create role ${runtimeRole} nologin; create role ${readerRole} nologin; then run this again.`;

const insufficientPrivilege = "42501";
/** Two migrators of one server make the same role at once. */
const madeMeanwhile: ReadonlySet<unknown> = new Set(["42710", "23505"]);

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

/** False where this role may not make roles. */
async function haveRole(client: Client, role: string): Promise<boolean> {
  const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [role]);
  if (rowCount === 1) return true;
  try {
    await client.query(`create role ${role} nologin`);
    return true;
  } catch (error) {
    if (madeMeanwhile.has(codeOf(error))) return true;
    if (codeOf(error) === insufficientPrivilege) return false;
    throw error;
  }
}

const grantsOn = (table: string): string => {
  if (ownersOnly.includes(table)) return "select";
  return appendOnly.includes(table) ? "select, insert" : "select, insert, update, delete";
};

/** The statements that give both roles exactly what they may do with what stands in this schema. */
async function grants(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string; plain: string }>(
    `select c.oid::regclass::text as name, c.relname as plain from pg_class c
     where c.relkind in ('r', 'p') and c.relnamespace = current_schema()::regnamespace
       and pg_has_role(c.relowner, 'member')
     order by 1`,
  );
  const { rows: sequences } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
     where c.relkind = 'S' and c.relnamespace = current_schema()::regnamespace
       and pg_has_role(c.relowner, 'member')`,
  );
  const { rows: views } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
     where c.relkind = 'v' and c.relnamespace = current_schema()::regnamespace
       and pg_has_role(c.relowner, 'member')`,
  );
  const { rows: functions } = await client.query<{ name: string }>(
    `select p.oid::regprocedure::text as name from pg_proc p
     where p.prosecdef and p.prorettype <> 'trigger'::regtype and p.pronamespace = current_schema()::regnamespace
       and pg_has_role(p.proowner, 'member')`,
  );
  const { rows: schemas } = await client.query<{ name: string; mine: boolean }>(
    `select quote_ident(current_schema()) as name,
            pg_has_role(nspowner, 'member') as mine
     from pg_namespace where oid = current_schema()::regnamespace`,
  );
  return [
    ...schemas
      .filter(({ mine }) => mine)
      .flatMap(({ name }) => [
        // Before PostgreSQL 15 everyone may make tables in `public`.
        `revoke create on schema ${name} from public, ${runtimeRole}, ${readerRole}`,
        `grant usage on schema ${name} to ${runtimeRole}, ${readerRole}`,
      ]),
    ...rows.flatMap(({ name, plain }) => [
      `revoke all on table ${name} from ${runtimeRole}, ${readerRole}`,
      `grant ${grantsOn(plain)} on table ${name} to ${runtimeRole}`,
      `grant select on table ${name} to ${readerRole}`,
    ]),
    ...views.map(({ name }) => `grant select on table ${name} to ${runtimeRole}, ${readerRole}`),
    ...functions.map(({ name }) => `grant execute on function ${name} to ${runtimeRole}`),
    ...sequences.flatMap(({ name }) => [
      `grant usage, select on sequence ${name} to ${runtimeRole}`,
      `grant select on sequence ${name} to ${readerRole}`,
    ]),
  ];
}

/**
 * Makes the roles where this one may, and gives them their rights on everything that it owns here, anew after every
 * migration. Answers false, with nothing granted, where the roles are missing and cannot be made.
 */
export async function grantRoles(client: Client): Promise<boolean> {
  for (const role of [runtimeRole, readerRole]) {
    if (!(await haveRole(client, role))) return false;
  }
  // One message is one transaction: a running host never lacks a right in between.
  await client.query((await grants(client)).join(";\n"));
  return true;
}

/** True where this role may change the schema. */
export async function mayChangeSchema(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "select has_schema_privilege(current_schema(), 'create') as may",
  );
  return rows[0]?.may === true;
}
