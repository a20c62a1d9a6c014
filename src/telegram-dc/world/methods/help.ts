import type { TlObject } from "../../seam.ts";
import { type Clock, dateSeconds } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import { intField, optionalText } from "../tl-fields.ts";
import type { MethodTable } from "./method.ts";

/** The data centre's addresses, for help.getConfig. */
export interface DcAddress {
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
}

const configLifeS = 3600;
const appConfigHash = 1;
const countryCode = "ZZ";

/** Configuration; open to every client, logged in or not. */
export function createHelpMethods(deps: {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly address: () => DcAddress;
}): MethodTable {
  const { clock, config, address } = deps;
  return {
    "help.getConfig"() {
      return tlConfig(config, address(), dateSeconds(clock));
    },
    "help.getNearestDc"() {
      return {
        _: "nearestDc",
        country: countryCode,
        this_dc: config.dcId,
        nearest_dc: config.dcId,
      };
    },
    "help.getAppConfig"(_caller, query) {
      if (intField(query, "hash") === appConfigHash) return { _: "help.appConfigNotModified" };
      return {
        _: "help.appConfig",
        hash: appConfigHash,
        config: { _: "jsonObject", value: [] },
      };
    },
    "langpack.getLangPack"(_caller, query) {
      return emptyLangPack(optionalText(query, "lang_code") ?? "en");
    },
    "langpack.getDifference"(_caller, query) {
      return emptyLangPack(optionalText(query, "lang_code") ?? "en");
    },
    "langpack.getStrings"() {
      return [];
    },
  };
}

function emptyLangPack(langCode: string): TlObject {
  return { _: "langPackDifference", lang_code: langCode, from_version: 0, version: 0, strings: [] };
}

function tlConfig(config: WorldConfig, address: DcAddress, dateS: number): TlObject {
  const option = { _: "dcOption", id: config.dcId, ip_address: address.host };
  return {
    _: "config",
    date: dateS,
    expires: dateS + configLifeS,
    test_mode: false,
    this_dc: config.dcId,
    dc_options: [
      { ...option, port: address.port, this_port_only: true },
      { ...option, port: address.mediaPort, media_only: true, this_port_only: true },
    ],
    dc_txt_domain_name: "",
    chat_size_max: 200,
    megagroup_size_max: 200_000,
    forwarded_count_max: 100,
    online_update_period_ms: 210_000,
    offline_blur_timeout_ms: 5_000,
    offline_idle_timeout_ms: 30_000,
    online_cloud_timeout_ms: 300_000,
    notify_cloud_delay_ms: 30_000,
    notify_default_delay_ms: 1_500,
    push_chat_period_ms: 60_000,
    push_chat_limit: 2,
    edit_time_limit: 172_800,
    revoke_time_limit: 2_147_483_647,
    revoke_pm_time_limit: 2_147_483_647,
    rating_e_decay: 2_419_200,
    stickers_recent_limit: 200,
    channels_read_media_period: 604_800,
    call_receive_timeout_ms: 20_000,
    call_ring_timeout_ms: 90_000,
    call_connect_timeout_ms: 30_000,
    call_packet_timeout_ms: 10_000,
    me_url_prefix: "https://t.me/",
    caption_length_max: 1024,
    message_length_max: config.messageLengthMax,
    webfile_dc_id: config.dcId,
  };
}
