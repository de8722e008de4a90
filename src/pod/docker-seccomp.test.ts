import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { planSeccompProfile } from "./docker-seccomp.ts";

const place = { machine: "x64", capabilities: ["SYS_ADMIN"], kernel: "6.1.0-18-amd64" };
const rule = (more: object = {}) => ({ names: ["a"], action: "SCMP_ACT_ALLOW", ...more });
const profile = (more: object) => JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule()], ...more });

test.each([
  ["no condition", {}, true],
  ["this machine", { includes: { arches: ["amd64"] } }, true],
  ["another machine", { includes: { arches: ["arm64", "s390x"] } }, false],
  ["a capability the app has", { includes: { caps: ["CAP_SYS_ADMIN"] } }, true],
  ["two, of which it has one", { includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }, false],
  ["not with a capability it has", { excludes: { caps: ["CAP_SYS_ADMIN"] } }, false],
  ["not with one it lacks", { excludes: { caps: ["CAP_BPF"] } }, true],
  ["an older kernel", { includes: { minKernel: "4.8" } }, true],
  ["a newer kernel", { includes: { minKernel: "6.10" } }, false],
  ["empty lists", { includes: { arches: [], caps: [] }, excludes: {} }, true],
])("planSeccompProfile() holds conditions against the place: %s", (_, more, isKept) => {
  const { syscalls } = planSeccompProfile(profile({ syscalls: [rule(more)] }), place);
  expect(syscalls).toEqual(isKept ? [rule()] : []);
});

test("planSeccompProfile() hands on arguments, errors and the machine with what else it runs", () => {
  const args = [{ index: 0, value: 8, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }];
  const archMap = [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ];
  const text = profile({
    defaultErrnoRet: 38,
    archMap,
    syscalls: [rule({ args, errnoRet: 1, comment: "" }), { name: "old", action: "SCMP_ACT_LOG", args: null }],
  });
  expect(planSeccompProfile(text, place)).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [rule({ args, errnoRet: 1 }), { names: ["old"], action: "SCMP_ACT_LOG" }],
  });
});

test.each([
  ["no JSON", "{"],
  ["no action", "{}"],
  ["an unknown action", profile({ defaultAction: "SCMP_ACT_MAYBE" })],
  ["a rule without names", profile({ syscalls: [{ action: "SCMP_ACT_ALLOW" }] })],
  ["an unknown comparison", profile({ syscalls: [rule({ args: [{ index: 0, value: 1, op: "SCMP_CMP_ISH" }] })] })],
  [
    "a number beyond exactness",
    profile({ syscalls: [rule({ args: [{ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" }] })] }),
  ],
  ["both kinds of architectures", profile({ archMap: [{}], architectures: ["SCMP_ARCH_X86"] })],
  ["a listener", profile({ listenerPath: "/run/x" })],
])("planSeccompProfile() refuses %s", (_, text) => {
  expect(() => planSeccompProfile(text, place)).toThrowCode("pod/bad-option");
});
