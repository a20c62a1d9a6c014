import { describe, expect, it } from "vitest";
import { type Stage, type StartStage, startInStages } from "../../src/node/stages.ts";

function scene() {
  const done: string[] = [];
  const stage = (name: string, over: Partial<Stage<string>> = {}): Stage<string> => ({
    name,
    start() {
      done.push(`start ${name}`);
      return name;
    },
    stop: (made, { failed }) => void done.push(`stop ${made}${failed ? ", failed" : ""}`),
    ...over,
  });
  const all = (...stages: readonly Stage<string>[]) =>
    async function build(start: StartStage): Promise<void> {
      for (const one of stages) await start(one);
      done.push("built");
    };
  return { done, stage, all };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe("a program in stages", () => {
  it("starts in order, and stops backwards", async () => {
    const { done, stage, all } = scene();
    const program = startInStages(all(stage("a"), stage("b"), stage("c")));
    await program.started;
    await program.stop();
    const started = ["start a", "start b", "start c", "built"];
    expect(done).toEqual([...started, "stop c", "stop b", "stop a"]);
  });

  it("stops each stage only after the later one has stopped", async () => {
    const { done, stage, all } = scene();
    const slow = gate();
    const program = startInStages(
      all(
        stage("a"),
        stage("b", {
          stop: async () => {
            await slow.opened;
            done.push("stop b");
          },
        }),
      ),
    );
    await program.started;
    const stopped = program.stop();
    await turns();
    expect(done.at(-1)).toBe("built");
    slow.open();
    await stopped;
    expect(done.slice(-2)).toEqual(["stop b", "stop a"]);
  });

  it("tells at once that a stage cannot start, stops those before it backwards, and then says why", async () => {
    const { done, stage, all } = scene();
    const fault = new Error("no");
    const program = startInStages(
      all(
        stage("a"),
        stage("b"),
        stage("c", {
          start() {
            throw fault;
          },
        }),
        stage("d"),
      ),
      () => done.push("told"),
    );
    await expect(program.started).rejects.toBe(fault);
    expect(done).toEqual(["start a", "start b", "told", "stop b, failed", "stop a, failed"]);
  });

  it("does the same when anything between two stages fails", async () => {
    const { done, stage } = scene();
    const program = startInStages(async (start) => {
      await start(stage("a"));
      throw new Error("no");
    });
    await expect(program.started).rejects.toThrow("no");
    expect(done).toEqual(["start a", "stop a, failed"]);
  });

  it("answers a stop with the fault when it could not start", async () => {
    const { stage, all } = scene();
    const program = startInStages(
      all(stage("a", { start: () => Promise.reject(new Error("no")) })),
    );
    await expect(program.started).rejects.toThrow("no");
    await expect(program.stop()).rejects.toThrow("no");
  });

  it("waits in a stop for the stage that is starting, stops it too, and begins no other", async () => {
    const { done, stage, all } = scene();
    const slow = gate();
    const program = startInStages(
      all(
        stage("a"),
        stage("b", {
          start: async () => {
            done.push("start b");
            await slow.opened;
            return "b";
          },
        }),
        stage("c"),
      ),
    );
    await turns();
    const stopped = program.stop();
    await turns();
    expect(done).toEqual(["start a", "start b"]);
    slow.open();
    await stopped;
    await program.started;
    expect(done).toEqual(["start a", "start b", "stop b", "stop a"]);
  });

  it("lets a stage that may take long know that a stop was asked for", async () => {
    const { done, stage, all } = scene();
    const program = startInStages(
      all(
        stage("a", {
          start: (signal) =>
            new Promise((resolve) => signal.addEventListener("abort", () => resolve("a"))),
        }),
        stage("b"),
      ),
    );
    await turns();
    await program.stop();
    expect(done).toEqual(["stop a"]);
  });

  it("does not count as failed when a stage fails that is starting while it stops", async () => {
    const { done, stage, all } = scene();
    const slow = gate();
    const program = startInStages(
      all(
        stage("a"),
        stage("b", { start: () => slow.opened.then(() => Promise.reject(new Error("no"))) }),
      ),
      () => done.push("told"),
    );
    await turns();
    const stopped = program.stop();
    slow.open();
    await Promise.all([stopped, program.started]);
    expect(done).toEqual(["start a", "stop a"]);
  });

  it("has not failed to start when a stop that came before goes wrong", async () => {
    const { stage, all } = scene();
    const slow = gate();
    const program = startInStages(
      all(
        stage("a", { stop: () => Promise.reject(new Error("stuck")) }),
        stage("b", { start: () => slow.opened.then(() => "b") }),
      ),
    );
    await turns();
    const stopped = program.stop();
    slow.open();
    await expect(stopped).rejects.toThrow("stuck");
    await expect(program.started).resolves.toBeUndefined();
  });

  it("stops the others when one cannot stop, and then says why", async () => {
    const { done, stage, all } = scene();
    const program = startInStages(
      all(stage("a"), stage("b", { stop: () => Promise.reject(new Error("stuck")) }), stage("c")),
    );
    await program.started;
    await expect(program.stop()).rejects.toThrow("stuck");
    expect(done.slice(-2)).toEqual(["stop c", "stop a"]);
  });

  it("stops once, however often it is asked", async () => {
    const { done, stage, all } = scene();
    const program = startInStages(all(stage("a")));
    await program.started;
    await Promise.all([program.stop(), program.stop()]);
    await program.stop();
    expect(done).toEqual(["start a", "built", "stop a"]);
  });

  it("hands its own stop to those that may end it later", async () => {
    const { done, stage } = scene();
    let end = async () => {};
    const program = startInStages(async (start, stop) => {
      end = stop;
      await start(stage("a"));
    });
    await program.started;
    await end();
    expect(done).toEqual(["start a", "stop a"]);
  });
});
