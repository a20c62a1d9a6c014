import { specifyIncarnationStore } from "../../contracts/incarnation-store.ts";
import { openCustodyStores } from "../../fixtures/custody-stores.ts";

specifyIncarnationStore(openCustodyStores);
