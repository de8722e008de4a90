import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { appNameFromImage, isPodId, parseAppName, parsePodId, parsePodName } from "./names.ts";

const ID = "0b3c1d2e-1111-4222-8333-444455556666";

test("parsePodId() takes whole UUIDs in lower case only", () => {
  expect(parsePodId(ID) as string).toBe(ID);
  for (const bad of ["", ID.toUpperCase(), ID.slice(1), `${ID}0`, `${ID}\n`, "../x"]) {
    expect(isPodId(bad)).toBe(false);
    expect(() => parsePodId(bad)).toThrowCode("pod/bad-name");
  }
});

test("parseAppName() takes AC Names of at most 63 characters", () => {
  for (const good of ["a", "app-1", "0", "a".repeat(63)]) expect(parseAppName(good) as string).toBe(good);
  for (const bad of ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "a".repeat(64), "a\n"]) {
    expect(() => parseAppName(bad)).toThrowCode("pod/bad-name");
  }
});

test("appNameFromImage() makes an AC Name of the last path element, whatever it holds", () => {
  const cases = [
    ["example.com/team/App_Server:1.2", "app-server"],
    ["example.com/app@sha256:00", "app"],
    ["localhost:5000/x", "x"],
    ["example.com/__", "app"],
    [`example.com/${"a".repeat(62)}-b`, "a".repeat(62)],
  ] as const;
  for (const [image, name] of cases) expect([image, appNameFromImage(image) as string]).toEqual([image, name]);
});

test("parsePodName() refuses paths, UUIDs and names that are too long", () => {
  for (const good of ["web", "Web_1.2-x", "0"]) expect(parsePodName(good) as string).toBe(good);
  for (const bad of ["", ".hidden", "../x", "a/b", "a b", ID, "a".repeat(64), "a\n"]) {
    expect(() => parsePodName(bad)).toThrowCode("pod/bad-name");
  }
});
