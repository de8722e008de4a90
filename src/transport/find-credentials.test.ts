import { expect, test } from "bun:test";
import type { Programs } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { makeTempDirectory } from "../testing/registry/temp-directory.ts";
import { createCredentialSource } from "./find-credentials.ts";

const basic = (username: string) => ({ auth: Buffer.from(`${username}:secret`).toString("base64") });
const none: Programs = { run: async () => ({ exitCode: 1, stdout: "", stderr: "" }) };

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing thrown",
    (reason: { code?: unknown }) => reason.code,
  );
}

test("createCredentialSource() prefers earlier files and, in a file, the longest prefix by whole components", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  const auths = {
    "r.example": basic("host"),
    "r.example/team": basic("team"),
    "r.example/team/app": { identitytoken: "t1" },
    "https://index.docker.io/v1/": basic("hub"),
  };
  files.writeAtomic("home/.config/containers/auth.json", JSON.stringify({ auths }));
  files.writeAtomic(
    "home/.docker/config.json",
    JSON.stringify({ auths: { "other.example": basic("docker"), "r.example": basic("late") } }),
  );
  const source = createCredentialSource(
    { openDirectory: openFiles, programs: none },
    { env: { HOME: `${dir.path}/home`, XDG_RUNTIME_DIR: `${dir.path}/run` } },
  );
  const user = async (host: string, repository: string) => {
    const found = await source.find(host, repository);
    return found?.kind === "basic" ? found.username : found?.token;
  };
  expect(await user("r.example", "x")).toBe("host");
  expect(await user("r.example", "team/y")).toBe("team");
  expect(await user("r.example", "team-two/y")).toBe("host");
  expect(await user("r.example", "team/app")).toBe("t1");
  expect(await user("other.example", "x")).toBe("docker");
  expect(await user("docker.io", "library/x")).toBe("hub");
  expect(await user("unknown.example", "x")).toBeUndefined();
});

test("createCredentialSource() asks credential helpers by host", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  files.writeAtomic("auth.json", JSON.stringify({ credHelpers: { "r.example": "vault" }, credsStore: "../evil" }));
  const asked: string[] = [];
  const programs: Programs = {
    run: async ({ argv, stdin }) => {
      asked.push(`${argv.join(" ")} ${String(stdin)}`);
      return { exitCode: 0, stdout: JSON.stringify({ Username: "<token>", Secret: "s" }), stderr: "" };
    },
  };
  const source = createCredentialSource(
    { openDirectory: openFiles, programs },
    { authFile: `${dir.path}/auth.json`, env: {} },
  );
  expect(await source.find("r.example", "x")).toEqual({ kind: "identity", token: "s" });
  expect(await source.find("other.example", "x")).toBeUndefined();
  expect(asked).toEqual(["docker-credential-vault get r.example"]);
});

test("createCredentialSource() reports broken and missing files and failing helpers without showing secrets", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  files.writeAtomic("broken.json", '{"auths": {"r.example": {"auth": "c2VjcmV0"');
  files.writeAtomic("helper.json", JSON.stringify({ credsStore: "vault" }));
  for (const name of ["broken.json", "missing.json", "helper.json"]) {
    const source = createCredentialSource(
      { openDirectory: openFiles, programs: none },
      { authFile: `${dir.path}/${name}`, env: {} },
    );
    expect(await codeOf(source.find("r.example", "x"))).toBe("transport/bad-credentials");
  }
});
