import type { Queries } from "./database.ts";
import { runtimeRole } from "./roles.ts";

/** Says in one line that this role could change the schema, and with it the ledger; nothing for a role of hosts. */
export async function warnOfOwner(database: Queries, warn: (line: string) => void): Promise<void> {
  const [role] = await database.query<{ name: string; superuser: boolean; owner: boolean }>(
    `select current_user as name, r.rolsuper as superuser,
            pg_has_role((select relowner from pg_class where oid = 'custody_ledger'::regclass), 'member') as owner
     from pg_roles r where r.rolname = current_user`,
  );
  if (role === undefined || (!role.superuser && !role.owner)) return;
  warn(
    `The database role "${role.name}" ${role.superuser ? "is a superuser" : "owns the schema"}: it could rewrite the custody ledger. Let hosts log in as a member of ${runtimeRole}; the owner is for migrations.`,
  );
}
