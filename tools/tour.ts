import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TarInput } from "../src/image/layer/encode-tar.ts";
import { createCertificateAuthority } from "../src/testing/certificate-authority.ts";
import { discoveryPage, startDiscoveryServer } from "../src/testing/discovery-server.ts";
import { anImage, type BuiltImage } from "../src/testing/image-builder.ts";
import { startTestRegistry, type TestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { generateKey } from "../src/trust/openpgp/generate-key.ts";

// The tour: everything from a key to a running, signed pod on this machine alone. Servers listen on loopback.
const GANTRY = new URL("../dist/gantry", import.meta.url).pathname;
const isTerminal = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
const bold = (text: string): string => (isTerminal ? `\u001b[1m${text}\u001b[0m` : text);

const dir = mkdtempSync(join(tmpdir(), "gantry-tour-"));
const env: Record<string, string> = {
  PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: dir,
  GANTRY_ROOT: join(dir, "root"),
  GANTRY_CONFIG: join(dir, "config"),
  GANTRY_CA_FILE: join(dir, "ca.pem"),
};

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  stack.defer(cleanUp);
  mkdirSync(join(dir, "config"), { mode: 0o700 });

  say("1. A publisher: a key, an image made of busybox, a registry and a name");
  const key = await writeKey("publisher");
  const authority = await createCertificateAuthority(Date.now());
  writeFileSync(join(dir, "ca.pem"), authority.certPem);
  const tls = await authority.issue(["localhost"]);
  const registry = stack.use(await startTestRegistry({ tls }));
  const discovery = stack.use(await startDiscoveryServer({ tls }));
  const host = `localhost:${discovery.port}`;
  for (const name of ["hello", "unsigned", "tampered", "forged"]) {
    push(registry, { name, image: helloImage(name) });
    announce(name);
  }
  function announce(name: string): void {
    const template = `${host}/${name} docker://${registry.host}/${name}:{version}`;
    const tags = [
      ["ac-discovery", template],
      ["ac-discovery-pubkeys", `${host}/${name} ${discovery.origin()}/key.asc`],
    ] as const;
    discovery.serve(`/${name}`, { contentType: "text/html", ...discoveryPage(tags) });
  }
  discovery.serve("/key.asc", { body: readFileSync(key.publicFile) });
  console.log(`   ${host}/hello leads to registry ${registry.host}`);
  for (const name of ["hello", "tampered"]) {
    await gantry(["sign", `--key=${key.secretFile}`, `docker://${registry.host}/${name}:1.0`]);
  }

  // Detached, so that what is not refused is noticed at once.
  say("2. Nobody is trusted yet, so nothing runs");
  await gantry(["run", "-d", `${host}/hello:1.0`], { expect: 254, says: "not in the keyring" });

  say("3. Trust the publisher's key for this name: discovered from the name, checked by its fingerprint");
  await gantry(["discover", `${host}/hello:1.0`]);
  await gantry(["trust", "add", `--prefix=${host}/hello`, `--fingerprint=${key.fingerprint}`]);

  say("4. Run it by name: discovered, fetched, verified, unpacked, networked, supervised by a systemd of its own");
  await gantry(["run", "-d", "--name=hello", `${host}/hello:1.0`]);
  const status = JSON.parse(await gantry(["status", "hello", "--json"], { isQuiet: true }));
  const address = String(status.networks[0].addresses[0]).replace(/\/.*/, "");
  await talkTo(`http://${address}:8080/`, "Hello from hello");
  await gantry(["list"], { says: "running" });
  await gantry(["status", "hello"], { says: "state=running" });
  await gantry(["exec", "hello", "--", "ps"], { says: "httpd" });
  await gantry(["logs", "hello"], { says: "serving on port 8080" });

  say("5. What is not right is refused: unsigned, tampered with, signed by the wrong key");
  for (const name of ["unsigned", "tampered", "forged"]) {
    await gantry(["trust", "add", `--prefix=${host}/${name}`, key.publicFile, `--fingerprint=${key.fingerprint}`], {
      isQuiet: true,
    });
  }
  await gantry(["run", "-d", `${host}/unsigned:1.0`], { expect: 254, says: "no signature" });
  tamper(registry, "tampered");
  await gantry(["run", "-d", `${host}/tampered:1.0`], { expect: 254, says: "other bytes" });
  const stranger = await writeKey("stranger");
  await gantry(["sign", `--key=${stranger.secretFile}`, `docker://${registry.host}/forged:1.0`], { isQuiet: true });
  await gantry(["run", "-d", `${host}/forged:1.0`], { expect: 254, says: "not in the keyring" });

  say("6. What happened is on record; then everything goes away");
  await gantry(["stop", "hello"]);
  await gantry(["gc", "--grace-period=0s"]);
  await gantry(["audit", "log", "--kind=pod.started", "--kind=image.refused"], { says: "image.refused" });
  await gantry(["audit", "check"], { says: "ok: " });
  await proveStart();
}

/** One event, proven by openssl and sha256sum alone: the block of shell in docs/audit-verify.md, as it stands. */
async function proveStart(): Promise<void> {
  const [start] = JSON.parse(await gantry(["audit", "log", "--kind=pod.started", "--json"], { isQuiet: true }));
  await gantry(["audit", "prove", String(start.record), `--out=${join(dir, "event.tlog-proof")}`]);
  const { vkey } = JSON.parse(await gantry(["audit", "init", "--json"], { isQuiet: true }));
  const document = readFileSync(join(import.meta.dir, "../docs/audit-verify.md"), "utf8");
  const block = /```bash\n(.*?)```/s.exec(document)?.[1] ?? "exit 1";
  const shell = Bun.spawnSync(["bash", "-c", block], { cwd: dir, env: { ...env, VKEY: vkey }, stderr: "inherit" });
  console.log(`   ${bold("openssl and sha256sum say:")} ${shell.stdout.toString().slice(0, 150)}…`);
  if (shell.exitCode !== 0) throw new Error("the event could not be proven without Gantry");
}

function say(text: string): void {
  console.log(`\n${bold(text)}`);
}

/** Runs the binary, shows command and output, and fails the tour when it does not end as told. */
async function gantry(
  args: readonly string[],
  options: { readonly expect?: number; readonly says?: string; readonly isQuiet?: boolean } = {},
): Promise<string> {
  const child = Bun.spawn([GANTRY, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const exitCode = await child.exited;
  if (options.isQuiet !== true) {
    console.log(`   ${bold(`$ gantry ${args.join(" ")}`)}`);
    for (const line of `${stdout}${stderr}`.trimEnd().split("\n")) if (line !== "") console.log(`     ${line}`);
  }
  const isRight = exitCode === (options.expect ?? 0) && `${stdout}${stderr}`.includes(options.says ?? "");
  if (!isRight) throw new Error(`gantry ${args.join(" ")} ended with ${exitCode}:\n${stdout}${stderr}`);
  return stdout;
}

async function talkTo(url: string, wanted: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const text = (await (await fetch(url)).text()).trim();
      console.log(`   ${bold(`$ GET ${url}`)}\n     ${text}`);
      if (text.startsWith(wanted)) return;
      throw new Error(`${url} answered ${JSON.stringify(text)}`);
    } catch (reason) {
      if (attempt > 40) throw reason;
      await Bun.sleep(100);
    }
  }
}

function helloImage(name: string): BuiltImage {
  const page: TarInput = { path: "www/index.html", content: `Hello from ${name}, a signed image.\n` };
  const links = ["sh", "httpd", "ps", "echo"].map(
    (link): TarInput => ({ path: `bin/${link}`, kind: "symlink", linkTarget: "busybox" }),
  );
  return anImage()
    .withLayer([
      { path: "bin", kind: "dir" },
      { path: "bin/busybox", content: readFileSync("/bin/busybox"), modeOctal: 0o755 },
      ...links,
      { path: "www", kind: "dir" },
      page,
    ])
    .withConfig({ cmd: ["/bin/sh", "-c", "echo serving on port 8080; exec httpd -f -p 8080 -h /www"] })
    .build();
}

function push(registry: TestRegistry, { name, image }: { readonly name: string; readonly image: BuiltImage }): void {
  for (const [digest, bytes] of image.blobs) {
    if (digest !== image.descriptor.digest) registry.content.putBlob(name, bytes);
  }
  registry.content.putManifest(name, { raw: image.manifest, mediaType: image.descriptor.mediaType, tag: "1.0" });
}

/** Changes one byte of the largest blob, as somebody in control of the registry could. */
function tamper(registry: TestRegistry, name: string): void {
  const blobs = registry.content.repositories.get(name)?.blobs ?? new Map<string, Uint8Array>();
  const [digest, bytes] = [...blobs].sort(([, a], [, b]) => b.byteLength - a.byteLength)[0] ?? [];
  if (digest === undefined || bytes === undefined) throw new Error("nothing to tamper with");
  const changed = Uint8Array.from(bytes);
  changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
  blobs.set(digest, changed);
}

async function writeKey(
  name: string,
): Promise<{ readonly fingerprint: string; readonly publicFile: string; readonly secretFile: string }> {
  const key = await generateKey({ name, email: `${name}@localhost` });
  const publicFile = join(dir, `${name}.pub.asc`);
  const secretFile = join(dir, `${name}.key.asc`);
  writeFileSync(publicFile, key.publicKey);
  writeFileSync(secretFile, key.privateKey, { mode: 0o600 });
  return { fingerprint: key.fingerprint, publicFile, secretFile };
}

function cleanUp(): void {
  const run = (...args: string[]) => Bun.spawnSync([GANTRY, "-q", ...args], { env });
  for (const pod of JSON.parse(run("list", "--json").stdout.toString() || "[]")) run("rm", "--force", pod.uuid);
  run("gc", "--grace-period=0s");
  rmSync(dir, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    cleanUp();
    process.exit(130);
  });
}
await main();
console.log(`
${bold("That was the tour. Next:")}
  ${GANTRY} doctor                                  what this host can do
  ${GANTRY} trust add --prefix example.com/app KEY  trust a publisher
  ${GANTRY} run example.com/app:1.0                 run what they signed
  ${GANTRY} --help                                  everything else`);
