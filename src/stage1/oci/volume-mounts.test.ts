import { expect, test } from "bun:test";
import { planVolumeMounts } from "./volume-mounts.ts";

test("planVolumeMounts() names the source of each volume and keeps read-only ones read-only", () => {
  const volumes = [
    { name: "host", kind: "host", source: "/srv", readOnly: true, recursive: true },
    { name: "own", kind: "empty", uid: 0, gid: 0, modeOctal: 0o755 },
  ] as const;
  const mounts = [
    { volume: "host", target: "/a", readOnly: false },
    { volume: "own", target: "/b", readOnly: false },
    { volume: "own", target: "/c", readOnly: true },
  ];
  const planned = planVolumeMounts({ path: (name) => `/pod/${name}` }, { app: { mounts }, volumes });
  expect(planned.map((one) => [one.source, one.destination, one.options.at(-1)])).toEqual([
    ["/srv", "/a", "ro"],
    ["/pod/volumes/own", "/b", "rw"],
    ["/pod/volumes/own", "/c", "ro"],
  ]);
});
