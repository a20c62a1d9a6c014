import { describe, expect, it } from "vitest";
import { databaseAt, withoutPassword } from "../../src/cli/database-address.ts";

describe("the address of a database on a command line", () => {
  it.each([
    ["postgres://u:p@db/fleet", "postgres://u@db:5432/fleet", "p"],
    ["postgres://u:p@ss@db/fleet", "postgres://u@db:5432/fleet", "p@ss"],
    [
      "postgres://u:a%2Fb@[::1]:5433/fleet?sslmode=require",
      "postgres://u@[::1]:5433/fleet?sslmode=require",
      "a/b",
    ],
    ["postgres://u%40x:p@db/fleet", "postgres://u%40x@db:5432/fleet", "p"],
    [
      "postgres://u@db/fleet?password=p%26w&sslmode=require",
      "postgres://u@db:5432/fleet?sslmode=require",
      "p&w",
    ],
    ["postgres://u:p@/fleet?host=/run/postgresql", "postgres://u@/fleet?host=/run/postgresql", "p"],
    ["postgres://u@/fleet?host=/run/postgresql", "postgres://u@/fleet?host=/run/postgresql", null],
  ])("shows no password: %s", (url, address, password) => {
    expect(withoutPassword(url)).toEqual({ address, password });
  });

  it("is taken whole where a program connects with it", () => {
    expect(databaseAt(" postgres://u:p@db/fleet\n").text).toBe("postgres://u:p@db/fleet");
  });

  it("that cannot be read is refused without a word of it", () => {
    expect(() => withoutPassword("postgres://u:ge/heim@db/fleet")).toThrow(
      expect.objectContaining({
        code: "DATABASE_URL_MALFORMED",
        message: expect.not.stringContaining("heim"),
      }),
    );
  });
});
