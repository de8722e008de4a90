// Writes every hostile file, its signature where it has one, and the key to trust: bun write-corpus.ts DIR OUTSIDE
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CORPUS } from "./corpus.ts";
import { TRUSTED_KEY } from "./signature-cases.ts";

const [dir = "", outside = ""] = process.argv.slice(2);
if (dir === "" || outside === "") throw new Error("usage: bun test/hostile/write-corpus.ts DIR OUTSIDE");
mkdirSync(dir, { recursive: true });
for (const one of CORPUS) {
  const archive = one.make({ outside });
  writeFileSync(join(dir, `${one.name}.tar`), archive);
  if (one.signature !== undefined) writeFileSync(join(dir, `${one.name}.tar.asc`), await one.signature(archive));
}
writeFileSync(join(dir, "trusted.asc"), TRUSTED_KEY.publicKey);
console.log(TRUSTED_KEY.fingerprint);
