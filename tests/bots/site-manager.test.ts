import { describe, expect, it } from "vitest";
import { siteManagerMachine } from "../../src/bots/site-manager/machine.ts";
import { siteManagerModel } from "../fixtures/models/events.ts";
import { edgePaths } from "../fixtures/models/paths.ts";
import { specify } from "../fixtures/models/specify.ts";

const bot = () => specify(siteManagerMachine, undefined);
const champigny = { type: "choose-site", siteId: "champigny" } as const;

describe("the site-manager bot", () => {
  it("greets, then shows the sites, then the tasks of the chosen one", () => {
    bot()
      .on({ type: "hello" })
      .is({ state: "greeting", asks: ["greet"] })
      .on({ type: "view-sites" })
      .is({ state: "sites", asks: ["listSites"] })
      .on(champigny)
      .is({
        state: "tasks",
        asks: [{ type: "listTasks", params: { siteId: "champigny" } }],
        context: { siteId: "champigny" },
      });
  });

  it("goes from the tasks of one site to those of another", () => {
    bot()
      .after(champigny)
      .on({ type: "choose-site", siteId: "nogent" })
      .is({ state: "tasks", asks: ["listTasks"], context: { siteId: "nogent" } });
  });

  it("shows the sites again where a button is out of date", () => {
    bot()
      .after({ type: "view-sites" })
      .on({ type: "stale-button" })
      .is({ state: "sites", asks: ["explainStaleButton", "listSites"] });
  });

  it("takes photos, comments and a status for the task that was chosen, then sums them up", () => {
    bot()
      .after(champigny)
      .on({ type: "choose-task", siteId: "champigny", taskId: "tiles" })
      .is({
        state: "reporting",
        asks: [{ type: "beginReport", params: { taskId: "tiles" } }],
        context: { siteId: "champigny", taskId: "tiles" },
      })
      .on({ type: "photos", count: 2 })
      .is({ state: "reporting", asks: [{ type: "keepPhotos", params: { count: 2 } }] })
      .on({ type: "other-words" })
      .is({ state: "reporting", asks: ["keepComment"] })
      .on({ type: "set-status", status: "done" })
      .is({ state: "reporting", asks: [{ type: "keepStatus", params: { status: "done" } }] })
      .on({ type: "send-report" })
      .is({
        state: "tasks",
        asks: ["sumUpReport", { type: "listTasks", params: { siteId: "champigny" } }],
        context: { siteId: "champigny", taskId: null },
      });
  });

  it("asks for the task where photos come without one", () => {
    bot()
      .after(champigny)
      .on({ type: "photos", count: 1 })
      .is({ state: "tasks", asks: ["explainPhotos"] });
  });

  it("calls a person from wherever the user is, and stays there", () => {
    bot()
      .after(champigny)
      .on({ type: "ask-for-person" })
      .is({ state: "tasks", asks: ["callPerson"], context: { siteId: "champigny" } });
  });

  it("explains itself without moving where it did not understand", () => {
    bot()
      .after(champigny)
      .on({ type: "other-words" })
      .is({ state: "tasks", asks: ["explainMenu"], context: { siteId: "champigny" } });
  });
});

describe("on every path of the site-manager bot", () => {
  const paths = edgePaths(siteManagerModel);

  it("each event is answered, whatever came before", () => {
    for (const { steps } of paths) {
      for (const { asks } of steps) expect(asks.length).toBeGreaterThan(0);
    }
  });

  it("a site is remembered exactly while its tasks are shown or reported on, a task while it is", () => {
    for (const { steps } of paths) {
      for (const { event, after } of steps) {
        const { value, context } = after;
        expect({ event, site: context.siteId !== null, task: context.taskId !== null }).toEqual({
          event,
          site: value === "tasks" || value === "reporting",
          task: value === "reporting",
        });
      }
    }
  });
});
