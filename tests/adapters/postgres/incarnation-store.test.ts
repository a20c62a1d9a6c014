import { specifyIncarnationStore } from "../../contracts/incarnation-store.ts";
import { openCustodyStores } from "./custody-stores.ts";

specifyIncarnationStore(openCustodyStores);
