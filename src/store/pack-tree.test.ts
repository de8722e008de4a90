import { afterEach, beforeEach, expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TarReader } from "../image/layer/tar-reader.ts";
import { packTree } from "./pack-tree.ts";
import { openTreeSink } from "./tree-sink.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "gantry-pack-"));
  for (const name of ["from", "to", "trash"]) mkdirSync(join(base, name));
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const at = (...names: string[]) => join(base, ...names);
const sh = (script: string) => expect(Bun.spawnSync(["sh", "-ec", script], { cwd: at("from") }).exitCode).toBe(0);

function copy(): void {
  using sink = openTreeSink(at("to"), at("trash"));
  const reader = new TarReader(sink.handler);
  for (const chunk of packTree(at("from"))) reader.push(chunk);
  reader.end();
  sink.finish();
}

/** What tells two trees apart, of every file. */
function facts(dir: string): string {
  const script =
    "find . ! -name gone -printf '%P %y %m %U %G %s %n %T@ %l\\n' | sort; getfattr -Rhd -m '^(user|security.cap|trusted)' .";
  return Bun.spawnSync(["sh", "-c", script], { cwd: dir }).stdout.toString();
}

test("packTree() and openTreeSink() carry an overlay's upper directory over as it is", () => {
  sh(`
    mkdir -p d/e opaque; echo text > d/file; ln d/file d/e/again; ln -s ../away d/link; mkfifo d/pipe
    mknod gone c 0 0; mknod d/null c 1 3; chmod 4750 d/file; chown 12:34 d/e; echo x > 'a b'; : > d/empty
    setfattr -n trusted.overlay.opaque -v y opaque; setfattr -n user.note -v kept d/file
    touch -d '2001-02-03 04:05:06.789012345' d/file d/e; head -c 3000000 /dev/zero > big
    printf 'name' > "$(printf 'd/\\\\377')"
  `);
  copy();
  expect(lstatSync(at("to", "gone"))).toMatchObject({ rdev: 0 });
  expect(readFileSync(at("to/d/e/again"), "utf8")).toBe("text\n");
  expect(readlinkSync(at("to/d/link"))).toBe("../away");
  expect(facts(at("to"))).toBe(facts(at("from")));
});

test("packTree() refuses what a layer cannot say", () => {
  writeFileSync(at("from", ".wh.x"), "");
  expect(() => copy()).toThrowCode("store/unmovable");
});

test("packTree() leaves sockets out and does not look through links", () => {
  sh("ln -s /etc out");
  const server = Bun.listen({ unix: at("from", "sock"), socket: { data() {} } });
  copy();
  server.stop();
  expect(Bun.spawnSync(["ls", "-A", at("to")]).stdout.toString()).toBe("out\n");
  expect(lstatSync(at("to", "out")).isSymbolicLink()).toBe(true);
});
