import { describe, expect, it } from "vitest";
import { requireOpenFiles } from "../../src/embedded/open-files.ts";
import { requireNamedUser } from "../../src/embedded/service-user.ts";
import { sharedMemoryFor } from "../../src/embedded/shared-memory.ts";
import type { HoldfastError } from "../../src/errors.ts";

const MiB = 1024 * 1024;

function refusalOf(act: () => unknown): Pick<HoldfastError, "code" | "next"> | null {
  try {
    act();
    return null;
  } catch (error) {
    return error as HoldfastError;
  }
}

describe("a machine with few open files", () => {
  it("is refused with the ways to allow more", () => {
    expect(refusalOf(() => requireOpenFiles(64))).toMatchObject({
      code: "OPEN_FILES_FEW",
      next: expect.stringMatching(/ulimit -n.*LimitNOFILE.*--ulimit/),
    });
    expect(refusalOf(() => requireOpenFiles(256))).toBeNull();
    expect(refusalOf(() => requireOpenFiles(null))).toBeNull();
  });
});

describe("a user without a name", () => {
  it("is told the line for /etc/passwd, with its number", () => {
    const nameless = () => {
      throw new Error("ENOENT");
    };
    expect(refusalOf(() => requireNamedUser(12345, nameless))).toMatchObject({
      code: "USER_NAMELESS",
      next: expect.stringMatching(/:12345:.*HOLDFAST_DATABASE_URL/),
    });
    expect(refusalOf(() => requireNamedUser(12345, () => "holdfast"))).toBeNull();
    expect(refusalOf(() => requireNamedUser(null, nameless))).toBeNull();
  });
});

describe("a machine with little shared memory", () => {
  it("has PostgreSQL share by files of its data folder", () => {
    const inFiles = "dynamic_shared_memory_type=mmap";
    const little = sharedMemoryFor(MiB);
    expect(little.forServer).toEqual(["-c", inFiles]);
    expect(little.forInitdb(18)).toEqual(["--set", inFiles]);
  });

  it("is refused where PostgreSQL cannot be told so while it lays out its data", () => {
    const { forInitdb } = sharedMemoryFor(MiB);
    expect(refusalOf(() => forInitdb(15))).toMatchObject({
      code: "SHARED_MEMORY_SMALL",
      message: expect.stringContaining("1 MiB free, and PostgreSQL 15 needs 16"),
    });
  });

  it.each([64 * MiB, null])("is left to PostgreSQL with %j bytes", (freeBytes) => {
    const memory = sharedMemoryFor(freeBytes);
    expect([memory.forServer, memory.forInitdb(15)]).toEqual([[], []]);
  });
});
