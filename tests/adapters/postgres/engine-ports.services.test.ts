import { specifyAccountStores } from "../../contracts/account-stores.ts";
import { specifyTurnStores } from "../../contracts/turn-stores.ts";
import { openPostgresStores } from "../../fixtures/engine-stores.ts";

specifyTurnStores(openPostgresStores);
specifyAccountStores(openPostgresStores);
