import { expect, test } from "bun:test";
import { parseAttestStructure } from "./attest-structure.ts";
import { parseAttestationKey } from "./public-area.ts";
import { compareClock } from "./verify-quote.ts";

// Made by tpm2_createprimary as `gantry audit init` calls it.
const AREA =
  "00580023000b0005047200000010001800 0b000300100020 8b86d3633bbad3f1be753489f41c1fcc206742f6f33dc7c9bdc8b576e7b8e26b 0020 1ffb4cd1dccfe83fcbeb65c13be2e254fdf0b0721a09eafd376bcf615158db94".replaceAll(
    " ",
    "",
  );
const area = (change: (hex: string) => string) => Buffer.from(change(AREA), "hex");

test("parseAttestationKey() names a key by its public area", () => {
  const { name, key } = parseAttestationKey(area((hex) => hex));
  expect([name.length, key.asymmetricKeyType]).toEqual([68, "ec"]);
});

test.each([
  ["of another type", (hex: string) => hex.replace("00580023", "00580001")],
  ["that is not restricted", (hex: string) => hex.replace("00050472", "00040472")],
  ["that can be copied", (hex: string) => hex.replace("00050472", "00050470")],
  ["that decrypts too", (hex: string) => hex.replace("00050472", "00070472")],
  ["off the curve", (hex: string) => `${hex.slice(0, -2)}95`],
  ["cut off", (hex: string) => hex.slice(0, 60)],
  ["with something behind it", (hex: string) => `${hex}00`],
  ["of no bytes", () => ""],
])("parseAttestationKey() refuses a key %s", (_, change) => {
  expect(() => parseAttestationKey(area(change))).toThrowCode("attest/not-proven");
});

test("parseAttestStructure() refuses what no TPM signs", () => {
  for (const hex of ["", "ff544347", "ff5443478017", "0054434780140000"])
    expect(() => parseAttestStructure(Buffer.from(hex, "hex"))).toThrowCode("attest/not-proven");
});

test("compareClock() knows a clock that went back from a reset, whatever constant blinds the counters", () => {
  const at = (resetCount: number, clockMs: number) => ({
    resetCount,
    clockMs,
    restartCount: 0,
    nvValue: "",
    pcrDigest: "",
  });
  const kind = (before: [number, number], now: [number, number]) => compareClock(at(...before), at(...now))?.kind;
  expect([kind([5, 100], [5, 101]), kind([5, 100], [6, 50]), kind([0xffff_ffff, 1], [0, 1])]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([kind([5, 100], [5, 99]), kind([5, 100], [4, 200]), kind([0, 1], [0xffff_ffff, 1])]).toEqual(
    Array(3).fill("tpm-rolled-back"),
  );
});
