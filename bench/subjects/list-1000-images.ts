import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const COUNT = 1000;

/** `image list` on a store with many images, each with a name and a record of who verified it. */
export const listImages: Subject = {
  name: "list-1000-images",
  title: `\`gantry image list\` with ${COUNT} images`,
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    const { root } = lab.world;
    const [first = ""] = readdirSync(join(root, "refs")).filter((name) => !name.includes("stage1"));
    const ref = readFileSync(join(root, "refs", first), "utf8");
    const { digest } = JSON.parse(ref).descriptor;
    const record = join(root, "verified", `${digest.replace(":", "-")}.json`);
    const made: string[] = [];
    const write = (path: string, content: string): void => {
      writeFileSync(path, content);
      made.push(path);
    };
    for (let i = 1; i < COUNT; i++) {
      const other = `sha256:${createHash("sha256").update(`${i}`).digest("hex")}`;
      const name = `example.com/image-${i}:1`;
      const fields = { ...JSON.parse(ref.replaceAll(digest, other)), name };
      write(join(root, "refs", encodeURIComponent(name)), JSON.stringify(fields));
      if (existsSync(record))
        write(
          join(root, "verified", `${other.replace(":", "-")}.json`),
          readFileSync(record, "utf8").replaceAll(digest, other),
        );
    }
    const version = [lab.gantryArgv([])[0] ?? "", "version"];
    return Promise.resolve({
      base: "gantry version",
      contenders: [
        { name: "gantry version", run: () => void call(version) },
        { name: "gantry image list", run: () => void lab.gantry(["image", "list"]) },
        { name: "gantry image list --json", run: () => void lab.gantry(["image", "list", "--json"]) },
      ],
      goals: [{ text: "gantry image list", value: (median) => median("gantry image list"), limit: 100, unit: "ms" }],
      [Symbol.asyncDispose]: () => {
        for (const path of made) rmSync(path);
        return Promise.resolve();
      },
    });
  },
};
