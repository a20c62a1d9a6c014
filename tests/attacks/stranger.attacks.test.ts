import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AttackedService,
  asStranger,
  attackedService,
  canBeStranger,
} from "../fixtures/attacked-service.ts";

let service: AttackedService;

beforeAll(async () => {
  service = await attackedService();
}, 120_000);

afterAll(() => service.stop(), 60_000);

describe.runIf(canBeStranger)("another local user", () => {
  it("is another user, and runs what an attack brings along", async () => {
    const { out } = await asStranger("console.log(process.getuid(), process.argv[1])", "told");
    expect(out).toBe("65534 told\n");
  });

  it("reads neither the home nor what stands in it", async () => {
    const { out } = await asStranger(
      `import { readFileSync, readdirSync } from "node:fs";
       for (const look of [() => readdirSync(process.argv[1]), () => readFileSync(process.argv[1] + "/run.json")])
         try { look(); console.log("read"); } catch (error) { console.log(error.code); }`,
      service.home,
    );
    expect(out).toBe("EACCES\nEACCES\n");
  });
});
