import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const unit = readFileSync(new URL("../../packaging/holdfast.service", import.meta.url), "utf8");

const settings = new Map(
  [...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
);

it.each([
  ["NoNewPrivileges", "yes"],
  ["CapabilityBoundingSet", ""],
  ["ProtectSystem", "strict"],
  ["ProtectHome", "yes"],
  ["PrivateTmp", "yes"],
  ["PrivateDevices", "yes"],
  ["RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"],
  ["LimitCORE", "0"],
  ["UMask", "0077"],
  ["User", "holdfast"],
  ["StateDirectoryMode", "0700"],
])("the unit says %s=%s", (name, value) => {
  expect(settings.get(name)).toBe(value);
});

it("hands the master key over as a credential, in no environment", () => {
  expect(settings.get("LoadCredential")).toBe("master.key:/etc/holdfast/master.key");
  expect(unit).toMatch(/^Environment=HOLDFAST_MASTER_KEY_FILE=%d\/master\.key$/m);
  expect(unit).not.toMatch(/HOLDFAST_MASTER_KEY=/);
});

it("has only lines that systemd knows as sections, settings or comments", () => {
  const lines = unit.split("\n").filter((line) => line !== "");
  expect(
    lines.filter((line) => !/^(?:#.*|\[(?:Unit|Service|Install)\]|\w+=.*)$/.test(line)),
  ).toEqual([]);
});
