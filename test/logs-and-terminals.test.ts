import { expect, test } from "bun:test";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const APPLETS = ["stty", "tty", "seq", "wc"].map(
  (name) => ({ path: `bin/${name}`, kind: "symlink", linkTarget: "busybox" }) as const,
);

async function worldWithImage(): Promise<{ readonly world: World; readonly image: string }> {
  const world = await createWorld();
  return { world, image: `oci-archive:${writeArchive(world, "app", busyboxImage(APPLETS))}:1` };
}

const optionsOf = (world: World) => ({ root: world.root, config: world.config, env: Object.fromEntries(world.env) });

test(
  "logs: follows until the pod ends, keeps streams and apps apart, shows the tail, and stays readable after the end",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const script = "seq 1 3; echo bad >&2; while ! [ -e /go/now ]; do sleep 0.1; done; echo last; printf 'no newline'";
    const go = ["--volume=go,kind=empty", "--mount=volume=go,target=/go"];
    const one = [image, "--app-name=one", "--exec=sh", ...go, "--", "-c", script];
    const two = [image, "--app-name=two", "--exec=sh", "--mount=volume=go,target=/go", "--", "-c", "echo from two"];
    await world.succeed([LOOSE, "run", "-d", "--name=pod", "--net=none", ...one, "---", ...two]);
    const options = optionsOf(world);
    const follower = Bun.spawn(gantryArgv(["logs", "-f", "--app=one", "pod"], options), {
      env: gantryEnv(options),
      stdout: "pipe",
      stderr: "pipe",
    });
    await world.succeed(["exec", "--app=one", "pod", "--", "touch", "/go/now"]);
    const [out, err, code] = await Promise.all([
      new Response(follower.stdout).text(),
      new Response(follower.stderr).text(),
      follower.exited,
    ]);
    expect([out, err, code]).toEqual(["1\n2\n3\nlast\nno newline", "bad\n", 0]);
    const logs = async (...flags: string[]) => {
      const { stdout, stderr } = await world.succeed(["logs", ...flags, "pod"]);
      return [stdout, stderr];
    };
    expect(await logs("--app=one", "--tail=2")).toEqual(["last\nno newline", "bad\n"]);
    expect(await logs("--app=one", "--stream=stderr")).toEqual(["", "bad\n"]);
    expect(await logs("--app=two")).toEqual(["from two\n", ""]);
    const json = (await world.succeed(["logs", "--json", "--app=two", "pod"])).stdout.trim().split("\n");
    expect(json.map((line) => JSON.parse(line))).toEqual([{ app: "two", stream: "stdout", text: "from two\n" }]);
    expect((await world.gantry(["logs", "--app=three", "pod"])).exitCode).toBe(3);
    expect((await world.gantry(["logs", "nopod"])).exitCode).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "logs: a large output is whole, and a reader that goes away early does not end the app",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const many = ["run", "--net=none", image, "--exec=seq", "--", "1", "200000"];
    const whole = await world.succeed([LOOSE, "-q", ...many]);
    expect([whole.stdout.length, whole.stdout.endsWith("\n200000\n")]).toEqual([1288895, true]);
    const options = optionsOf(world);
    const pipeline = 'gantry=$1; shift; "$gantry" "$@" | head -n 1';
    const argv = gantryArgv([LOOSE, "-q", "run", "--name=cut", ...many.slice(1)], options);
    const first = Bun.spawnSync(["sh", "-c", pipeline, "sh", ...argv], { env: gantryEnv(options) });
    expect(first.stdout.toString()).toBe("1\n");
    const status = JSON.parse((await world.succeed(["status", "--wait", "cut", "--json"])).stdout);
    expect([status.state, status.exitCode]).toEqual(["exited", 0]);
    expect((await world.succeed(["logs", "cut"])).stdout.length).toBe(1288895);
  },
  TIMEOUT_MS,
);

test(
  "terminals: run -it and exec -it give the app a terminal of the right size; Ctrl-C reaches it; codes come back",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const options = optionsOf(world);
    await using shell = gantryOnTerminal(
      [LOOSE, "-q", "run", "-i", "--name=it", "--net=none", image, "--exec=sh"],
      options,
    );
    await shell.waitFor("# ");
    shell.type("tty && stty size\r");
    await shell.waitFor("30 100");
    shell.type("echo $((6 * 7))\r");
    await shell.waitFor("42");

    await using inside = gantryOnTerminal(["exec", "-it", "it", "--", "sh"], options);
    await inside.waitFor("# ");
    inside.type("stty size; tty\r");
    await inside.waitFor("30 100");
    inside.resize(90, 20);
    inside.type("sleep 0.2; stty size\r");
    await inside.waitFor("20 90");
    inside.type("sleep 60\r");
    await inside.waitFor("sleep 60");
    await Bun.sleep(300);
    inside.type("\u0003");
    inside.type("exit 9\r");
    expect(await inside.exited).toBe(9);

    // Whoever can open the caller's terminal could type into it: without -t a program has none.
    await using without = gantryOnTerminal(["exec", "it", "--", "sh", "-c", "echo x > /dev/tty; echo done"], options);
    await without.waitFor("done");
    expect(without.shown()).toContain("can't create /dev/tty");

    shell.type("exit 7\r");
    expect(await shell.exited).toBe(7);
  },
  TIMEOUT_MS,
);
