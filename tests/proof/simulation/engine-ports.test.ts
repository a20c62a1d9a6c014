import { specifyAccountStores } from "../../contracts/account-stores.ts";
import { specifyTurnStores } from "../../contracts/turn-stores.ts";
import { openSimStores } from "../../fixtures/engine-stores.ts";

specifyTurnStores(openSimStores);
specifyAccountStores(openSimStores);
