import { expect, test } from "bun:test";
import { DetachKeys } from "./detach-keys.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("DetachKeys leaves at ctrl-p ctrl-q, also when they come apart, and passes on what was typed before", () => {
  expect(new DetachKeys().take(bytes("ab\u0010\u0011c"))).toEqual({ pass: bytes("ab"), isLeft: true });
  const keys = new DetachKeys();
  expect(keys.take(bytes("\u0010"))).toEqual({ pass: bytes(""), isLeft: false });
  expect(keys.take(bytes("\u0011"))).toEqual({ pass: bytes(""), isLeft: true });
});

test("DetachKeys gives the app a ctrl-p that something else follows", () => {
  const keys = new DetachKeys();
  expect(keys.take(bytes("\u0010"))).toEqual({ pass: bytes(""), isLeft: false });
  expect(keys.take(bytes("x\u0010\u0010y\u0011"))).toEqual({
    pass: bytes("\u0010x\u0010\u0010y\u0011"),
    isLeft: false,
  });
});
