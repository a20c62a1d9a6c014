import type { TlObject } from "../seam.ts";
import type { AuthKeyRecord } from "./model.ts";

/** A logged-in key in the list of authorisations; the caller's own has hash 0. */
export function tlAuthorisation(key: AuthKeyRecord, caller: AuthKeyRecord | undefined): TlObject {
  const identity = key.identity;
  return {
    _: "authorization",
    current: key === caller,
    password_pending: key.passwordPendingUserId !== undefined,
    hash: key === caller ? 0n : (key.authorisationHash ?? 0n),
    device_model: identity?.deviceModel ?? "",
    platform: "",
    system_version: identity?.systemVersion ?? "",
    api_id: identity?.apiId ?? 0,
    app_name: "",
    app_version: identity?.appVersion ?? "",
    date_created: Math.floor((key.authorisedAtMs ?? key.createdAtMs) / 1000),
    date_active: Math.floor(key.activeAtMs / 1000),
    ip: key.address,
    country: "",
    region: "",
  };
}
