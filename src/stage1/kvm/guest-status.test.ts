import { expect, test } from "bun:test";
import { parseAppName } from "../../pod/names.ts";
import { MAX_STATUS_BYTES, parseGuestStatus } from "./guest-status.ts";

const apps = ["one", "two"].map((name) => parseAppName(name));

test("parseGuestStatus() reads starts and exits; the first failure is the pod's", () => {
  const text = "started one\nstarted two\nexited two 7 exit-code 100\nexited one 137 oom-kill 101\n";
  const status = parseGuestStatus(text, apps, 200_000);
  expect([...status.started]).toEqual(["one", "two"]);
  expect(status.failure).toBe(7);
  expect(status.exits.get("one")).toEqual({ exitCode: 137, oomKilled: true, exitedAtMs: 101_000 });
});

test("parseGuestStatus() believes a guest nothing it cannot know: other apps, other numbers, other times, changed minds", () => {
  const text = [
    "started ../../etc",
    "exited nobody 1 exit-code 1",
    "exited one 256 exit-code 1",
    "exited one -1 exit-code 1",
    "exited one 1e2 exit-code 1",
    "exited one 0 success 99999999999999",
    "exited one 9 exit-code 5",
    "exited two 3 exit-code 9999999999",
    "started one\0two",
  ].join("\n");
  const status = parseGuestStatus(text, apps, 50_000);
  expect([...status.started]).toEqual([]);
  expect([...status.exits.keys()]).toEqual(["one", "two"]);
  expect(status.exits.get("one")).toEqual({ exitCode: 0, oomKilled: false, exitedAtMs: 50_000 });
  expect(status.exits.get("two")?.exitedAtMs).toBe(50_000);
  const flood = `${"x".repeat(MAX_STATUS_BYTES)}\nexited one 4 exit-code 1\n`;
  expect(parseGuestStatus(flood, apps, 0).exits.size).toBe(0);
});
