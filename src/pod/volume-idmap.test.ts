import { expect, test } from "bun:test";
import type { PodManifest } from "./manifest.ts";
import type { VolumeIdMap } from "./options.ts";
import { openVolumeIdmap, planMappedVolumes } from "./volume-idmap.ts";

const HOST = { uids: [{ start: 0, size: 0xffff_ffff }], gids: [{ start: 0, size: 0xffff_ffff }] };
const maps = (hostId: number) => [{ containerId: 0, hostId, size: 100 }];
const USERNS = { kind: "explicit", uidMappings: maps(1000), gidMappings: maps(2000) } as const;

function plan(idmap: true | VolumeIdMap, more: Partial<PodManifest> = {}) {
  const mounts = [{ volume: "data", target: "/data", readOnly: false, idmap }];
  const volumes = [{ kind: "host", name: "data", source: "/srv", readOnly: false, recursive: true }];
  return planMappedVolumes({ apps: [{ name: "app", mounts }], volumes, ...more } as never, HOST);
}

const range = (fileId: number, id: number, size: number, isOfPod = false) => ({ fileId, id, size, isOfPod });

test("planMappedVolumes() leaves out volumes that have the pod's owners", () => {
  expect(plan(true)).toEqual([]);
});

test("planMappedVolumes() gives ids of the host as they are, and those of the pod as the host has them", () => {
  const [planned] = plan(
    { uids: [range(5, 7, 10), range(50, 3, 2, true)], gids: [range(0, 1, 9, true)] },
    { userns: USERNS },
  );
  expect(planned).toMatchObject({ app: "app", target: "/data", source: "/srv", recursive: true });
  expect(planned?.maps).toEqual({
    uidMappings: [
      { containerId: 5, hostId: 7, size: 10 },
      { containerId: 50, hostId: 1003, size: 2 },
    ],
    gidMappings: [{ containerId: 0, hostId: 2001, size: 9 }],
  });
  const [plain] = plan({ uids: [range(5, 7, 10, true)], gids: [range(5, 7, 10, true)] });
  expect(plain?.maps.uidMappings).toEqual([{ containerId: 5, hostId: 7, size: 10 }]);
});

test.each([[[range(0, 95, 10, true)]], [[range(0, 0, 0)]], [[range(0, 5, 10), range(9, 100, 10)]]])(
  "planMappedVolumes() refuses %j",
  (uids) => {
    expect(() => plan({ uids, gids: [range(0, 0, 1)] }, { userns: USERNS })).toThrowCode("pod/bad-option");
  },
);

test("planMappedVolumes() refuses to map an empty volume", () => {
  const volumes = [{ kind: "empty", name: "data", modeOctal: 0o755, uid: 0, gid: 0 }] as const;
  expect(() => plan({ uids: [range(0, 0, 1)], gids: [range(0, 0, 1)] }, { volumes })).toThrowCode("pod/bad-option");
});

test("openVolumeIdmap() never mounts with the file system's own owners what was asked to be mapped", () => {
  const mount = { volume: "data", target: "/data", readOnly: false, idmap: true } as const;
  expect(() => openVolumeIdmap({}, { app: "app", mount, idmap: undefined })).toThrowCode("pod/no-idmap");
});
