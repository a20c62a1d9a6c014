import { describe, expect, it } from "vitest";
import { createCleanup } from "../../fixtures/telegram-dc/data-centres.ts";
import { rawHttp } from "../../fixtures/raw-http.ts";

const cleanup = createCleanup();
const json = { "content-type": "application/json" };
const body = JSON.stringify({ firstName: "Ada", username: "ada" });

async function controlled() {
  const dc = await cleanup.dataCentre({ controlPort: 0 });
  const bearer = { authorization: `Bearer ${dc.controlToken}` };
  return { dc, bearer, url: (path: string) => new URL(path, dc.controlUrl) };
}

describe("the door of the control API", () => {
  it.each(["/", "/users", "/users/ada/code", "/events", "/ledger"])(
    "shows %s to those alone who have the token",
    async (path) => {
      const { url } = await controlled();
      const guessed = { authorization: "Bearer guessed" };
      expect(await rawHttp(url(path))).toMatchObject({ status: 401 });
      expect(await rawHttp(url(path), { headers: guessed })).toMatchObject({ status: 401 });
    },
  );

  it("takes JSON alone, which no page of elsewhere may post without asking first", async () => {
    const { dc, bearer, url } = await controlled();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]) {
      const headers = { ...bearer, "content-type": type };
      const answer = await rawHttp(url("/users"), { method: "POST", headers, body });
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        415,
        { code: "BAD_BODY_TYPE" },
      ]);
    }
    expect(dc.phone.users().map(({ username }) => username)).not.toContain("ada");
    const headers = { ...bearer, "content-type": "application/json; charset=utf-8" };
    expect((await rawHttp(url("/users"), { method: "POST", headers, body })).status).toBe(201);
  });

  it.each<[string, Readonly<Record<string, string>>, number]>([
    ["another origin", { origin: "https://evil.example" }, 403],
    ["another site", { "sec-fetch-site": "cross-site" }, 403],
    ["a name that was bound to its address from elsewhere", { host: "evil.example" }, 421],
  ])("does nothing for a request of %s, even with the token", async (_which, headers, status) => {
    const { dc, bearer, url } = await controlled();
    const all = { ...bearer, ...json, ...headers };
    const answer = await rawHttp(url("/users"), { method: "POST", headers: all, body });
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      status,
      { error: expect.stringMatching(/^nothing was done: .+/) },
    ]);
    expect(dc.phone.users().map(({ username }) => username)).not.toContain("ada");
  });
});
