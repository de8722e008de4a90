import { expect, test } from "bun:test";
import { parsePodLine } from "./parse-pod-line.ts";
import { APP_FLAGS, POD_FLAGS } from "./pod-flags.ts";

const parse = async (...flags: readonly string[]) =>
  (await parsePodLine({ env: {} } as never, ["image", ...flags], { ...POD_FLAGS, ...APP_FLAGS })).option;

test("user namespaces are as podman writes them", async () => {
  expect((await parse()).userns).toBeUndefined();
  expect((await parse("--userns=host")).userns).toBeUndefined();
  expect((await parse("--userns=auto")).userns).toEqual({
    kind: "auto",
    size: 65_536,
    uidMappings: [],
    gidMappings: [],
  });
  expect((await parse("--userns=auto:size=10,uidmapping=1:2:3,gidmapping=4:5")).userns).toEqual({
    kind: "auto",
    size: 10,
    uidMappings: [{ containerId: 1, hostId: 2, size: 3 }],
    gidMappings: [{ containerId: 4, hostId: 5, size: 1 }],
  });
});

test("one map alone is that of groups too", async () => {
  const maps = [
    { containerId: 0, hostId: 100_000, size: 10 },
    { containerId: 10, hostId: 5, size: 1 },
  ];
  expect((await parse("--uidmap=0:100000:10", "--uidmap=10:5:1")).userns).toEqual({
    kind: "explicit",
    uidMappings: maps,
    gidMappings: maps,
  });
  expect((await parse("--uidmap=0:1:2", "--gidmap=0:3:4")).userns).toMatchObject({
    gidMappings: [{ containerId: 0, hostId: 3, size: 4 }],
  });
});

test("volumes with the ids of the pod", async () => {
  const [app] = (await parse("-v", "/a:/b:ro,idmap", "--mount=type=bind,source=/a,target=/c,idmap")).apps;
  expect(app?.mounts).toMatchObject([
    { target: "/b", readOnly: true, idmap: true },
    { target: "/c", idmap: true },
  ]);
});

test("volumes with owners of their own", async () => {
  const map = "idmap=uids=1000-0-1#@7-8-9;gids=5-6-7";
  const [app] = (await parse("-v", `/a:/b:ro,${map}`, `--mount=type=bind,source=/a,target=/c,${map}`)).apps;
  const uids = [
    { fileId: 1000, id: 0, size: 1, isOfPod: false },
    { fileId: 7, id: 8, size: 9, isOfPod: true },
  ];
  const gids = [{ fileId: 5, id: 6, size: 7, isOfPod: false }];
  expect(app?.mounts.map(({ idmap }) => idmap)).toEqual([
    { uids, gids },
    { uids, gids },
  ]);
});

test.each(["idmap=uids=1-2-3", "idmap=uids=1-2;gids=1-2-3", "idmap=uids=1-2-3;gids=a-2-3", "idmap=yes", "idmaps"])(
  "a volume with %s is refused",
  async (word) => {
    await expect(parse("-v", `/a:/b:${word}`)).rejects.toThrowCode("cli/usage");
  },
);

test.each([
  "--userns=private",
  "--userns=auto:",
  "--userns=auto:size=0",
  "--userns=auto:size=1k",
  "--userns=auto:what=1",
  "--userns=autos",
  "--userns=keep-id",
  "--uidmap=0:1:2:3",
  "--uidmap=a:1:2",
  "--gidmap=-1:1:2",
])("%s is refused", async (flag) => {
  await expect(parse(flag)).rejects.toThrowCode("cli/usage");
});

test.each(["host", "auto"])("--userns=%s and maps exclude each other", async (mode) => {
  await expect(parse(`--userns=${mode}`, "--uidmap=0:1:2")).rejects.toThrowCode("cli/usage");
});
