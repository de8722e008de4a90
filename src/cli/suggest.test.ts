import { expect, test } from "bun:test";
import { suggest } from "./suggest.ts";

test("suggest() finds the word meant, and nothing when none is near", () => {
  expect(suggest("lits", ["status", "list", "logs"])).toBe("list");
  expect(suggest("stat", ["status", "list"])).toBe("status");
  expect(suggest("banana", ["status", "list"])).toBeUndefined();
});
