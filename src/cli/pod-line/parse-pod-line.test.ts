import { describe, expect, test } from "bun:test";
import type { CliHost } from "../host.ts";
import { parsePodLine } from "./parse-pod-line.ts";
import { APP_FLAGS, POD_FLAGS } from "./pod-flags.ts";

const SILENT = { isTerminal: false, columns: 80, write: () => {} };
const HOST: CliHost = {
  argv: [],
  env: { HOME: "/root" },
  stdout: SILENT,
  stderr: SILENT,
  version: { version: "0", commit: "" },
  signal: new AbortController().signal,
  readTextFile: () => Promise.resolve("# comment\n; comment\n\nA=1\nB=x=y\n"),
  readStdin: () => Promise.resolve(""),
  ask: () => undefined,
  createEngine: () => Promise.reject(new Error("not in this test")),
};

async function parse(...argv: string[]) {
  return (await parsePodLine(HOST, argv, { ...POD_FLAGS, ...APP_FLAGS })).option;
}

async function codeOf(...argv: string[]): Promise<unknown> {
  return parse(...argv).then(
    () => undefined,
    (reason) => reason.code,
  );
}

describe("parsePodLine()", () => {
  test("gives flags before a single image to that image", async () => {
    const { apps } = await parse("-e", "A=b", "--user", "5:6", "img", "-w", "/srv", "--", "x", "--y");
    expect(apps).toMatchObject([
      { image: "img", env: ["A=b"], user: "5", group: "6", workingDir: "/srv", args: ["x", "--y"] },
    ]);
  });

  test("gives flags behind each of several images to that image", async () => {
    const { apps } = await parse(
      "one",
      "-e",
      "A=1",
      "--",
      "a",
      "---",
      "two",
      "-e",
      "A=2",
      "--read-only",
      "--",
      "b",
      "---",
      "three",
    );
    expect(apps.map((app) => [app.image, app.env, app.args, app.readOnlyRootfs])).toEqual([
      ["one", ["A=1"], ["a"], false],
      ["two", ["A=2"], ["b"], true],
      ["three", [], [], false],
    ]);
  });

  test("refuses a flag of an image before the first of several", async () => {
    expect(await codeOf("-e", "A=b", "one", "two")).toBe("cli/usage");
  });

  test("refuses a line without image, and arguments without image", async () => {
    expect(await codeOf("--net=none")).toBe("cli/usage");
    expect(await codeOf("--", "a")).toBe("cli/usage");
  });

  test("reads environment files and names alone in the order typed", async () => {
    const { apps } = await parse("img", "-e", "B=0", "--env-file", "f", "-e", "HOME", "-e", "MISSING");
    expect(apps[0]?.env).toEqual(["B=0", "A=1", "B=x=y", "HOME=/root"]);
  });

  test("reads volumes in both forms", async () => {
    const option = await parse(
      "-v",
      "/a:/b:ro",
      "--volume",
      "data,kind=host,source=/srv,readOnly=true",
      "img",
      "--mount",
      "volume=data,target=/d",
      "--mount",
      "type=tmpfs,target=/t",
    );
    expect(option.volumes.map((volume) => [volume.name, volume.kind])).toEqual([
      ["data", "host"],
      ["volume-1", "host"],
      ["volume-2", "empty"],
    ]);
    expect(option.apps[0]?.mounts).toEqual([
      { volume: "volume-1", target: "/b", readOnly: true },
      { volume: "data", target: "/d", readOnly: false },
      { volume: "volume-2", target: "/t", readOnly: false },
    ]);
    for (const bad of ["a:/b", "/a:b", "/a:/b:xx", "/a:/b:ro:x"])
      expect(await codeOf("-v", bad, "img")).toBe("cli/usage");
  });

  test("reads ports, their ranges and addresses", async () => {
    const { ports } = await parse("-p", "127.0.0.1:8000-8001:80-81/udp", "-p8443:443", "-p", "[::1]:1:2", "img");
    expect(ports.map((port) => `${port.hostIp}|${port.hostPort}|${port.podPort}|${port.protocol}`)).toEqual([
      "127.0.0.1|8000|80|udp",
      "127.0.0.1|8001|81|udp",
      "|8443|443|tcp",
      "::1|1|2|tcp",
    ]);
    for (const bad of ["80", "0:1", "1:70000", "1-3:1-2", "a:b", "1:2/icmp", "999.1.1.1:1:1"])
      expect(await codeOf("-p", bad, "img")).toBe("cli/usage");
  });

  test("reads networks with arguments, and lets none and host stand alone", async () => {
    expect((await parse("--net=default,lan:IP=1.2.3.4;K=V", "img")).nets).toEqual([
      { name: "default", args: {} },
      { name: "lan", args: { IP: "1.2.3.4", K: "V" } },
    ]);
    for (const bad of ["none,default", "a,a", "a:b", ""]) expect(await codeOf(`--net=${bad}`, "img")).toBe("cli/usage");
  });

  test("maps rkt's capability flags to added and dropped ones", async () => {
    const { apps } = await parse("img", "--caps-retain=CAP_NET_ADMIN,kill", "--no-new-privileges=false");
    expect(apps[0]).toMatchObject({ capAdd: ["NET_ADMIN", "KILL"], capDrop: ["ALL"], noNewPrivileges: false });
  });
});
