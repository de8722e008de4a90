import { expect, test } from "bun:test";
import { signalNumber } from "./stop-signal.ts";

test("signalNumber() understands names with and without SIG, numbers and real-time signals", () => {
  expect(["SIGINT", "int", "2", "SIGRTMIN+3"].map(signalNumber)).toEqual([2, 2, 2, 37]);
});

test("signalNumber() takes SIGTERM for what is no signal", () => {
  expect(["", "SIGTERM\nUser=root", "SIGNOTHING", "0", "99", "RTMIN+60"].map(signalNumber)).toEqual(Array(6).fill(15));
});
