import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { openFiles } from "../sys/linux/files.ts";
import { makeTempDirectory } from "../testing/registry/temp-directory.ts";
import { writeCheckpoint } from "./checkpoint-record.ts";
import { lockCheckpoint } from "./lock-checkpoint.ts";
import { parsePodId, parsePodName } from "./names.ts";
import { PodStore, readPodManifest } from "./pod-store.ts";

const ONE = parsePodId("0b3c1d2e-1111-4222-8333-444455556666");
const TWO = parsePodId("0b3c9999-1111-4222-8333-444455556666");
const WEB = parsePodName("web");

test("PodStore: a pod is where its directory is, and running while somebody holds its lock", () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  const store = new PodStore(files);
  {
    using pod = store.create(ONE);
    pod.move("begin-prepare");
    expect(store.state({ id: ONE, dir: "prepare" })).toBe("preparing");
    expect(store.tryLock({ id: ONE, dir: "prepare" })).toBeUndefined();
    pod.move("start");
    expect(() => pod.move("finish-prepare")).toThrowCode("pod/wrong-state");
    expect(store.state({ id: ONE, dir: "run" })).toBe("running");
  }
  expect(store.list()).toEqual([{ id: ONE, dir: "run" }]);
  expect(store.state({ id: ONE, dir: "run" })).toBe("exited");
  expect(store.tryLock({ id: ONE, dir: "prepare" })).toBeUndefined();
  expect(store.state({ id: ONE, dir: "prepare" })).toBe("aborted-prepare");
  // Looking where a pod was must not make anything there.
  expect(store.list()).toEqual([{ id: ONE, dir: "run" }]);
  expect(files.list("prepare")).toEqual([]);
  using again = store.tryLock({ id: ONE, dir: "run" });
  expect(again?.dir).toBe("run");
});

test("PodStore: a pod that has ended while it is checkpointed is nobody's to reap, then checkpointed", () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  const store = new PodStore(files);
  const pod = store.create(ONE);
  pod.move("begin-prepare");
  pod.move("start");
  const here = { id: ONE, dir: "run" } as const;
  const lock = lockCheckpoint(store.files(here), ONE);
  pod[Symbol.dispose]();
  expect(store.state(here)).toBe("running");
  expect(store.tryLock(here)).toBeUndefined();
  expect(() => lockCheckpoint(store.files(here), ONE)).toThrowCode("pod/locked");
  writeCheckpoint(store.files(here), { version: 1, createdAt: "", apps: [], tcpEstablished: false, fileLocks: false });
  lock[Symbol.dispose]();
  expect(store.state(here)).toBe("checkpointed");
  using restoring = store.tryLock(here);
  expect(restoring?.id).toBe(ONE);
});

test("PodStore.find() takes names, UUIDs and unique beginnings", () => {
  using dir = makeTempDirectory();
  const store = new PodStore(openFiles(dir.path));
  using _one = store.create(ONE);
  using _two = store.create(TWO);
  store.claimName(WEB, ONE);
  for (const text of ["web", ONE, "0b3c1"]) expect(store.find(text).id).toBe(ONE);
  expect(() => store.find("0b3c")).toThrowCode("pod/ambiguous");
  for (const text of ["", "0b3", "nope", "../x", "0b3c1d2f"])
    expect(() => store.find(text)).toThrowCode("pod/not-found");
});

test("PodStore: names are unique while their pod is there, and free when it has gone, however it went", () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  const store = new PodStore(files);
  using one = store.create(ONE);
  using _two = store.create(TWO);
  store.claimName(WEB, ONE);
  expect(() => store.claimName(WEB, TWO)).toThrowCode("pod/name-taken");
  store.releaseName(WEB, TWO);
  store.releaseLostNames();
  expect(files.list("names")).toEqual(["web"]);
  one.move("discard");
  store.erase(one);
  store.claimName(WEB, TWO);
  store.releaseName(WEB, TWO);
  store.claimName(WEB, ONE);
  store.releaseLostNames();
  expect(files.list("names")).toEqual([]);
});

test("readPodManifest() tells a pod without manifest from one with a damaged one", () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  expect(readPodManifest(files)).toBeUndefined();
  files.writeAtomic("pod.json", ""); // as a crash of the machine leaves it
  expect(readPodManifest(files)).toBeUndefined();
  for (const text of ["{", "[]", "null", '{"gantryKind":"pod","gantryVersion":"v2"}']) {
    files.writeAtomic("pod.json", text);
    expect(() => readPodManifest(files)).toThrowCode("pod/bad-manifest");
  }
});
