import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { canonicalJson } from "../base/json.ts";

/** An entry with the two proofs a Rekor gives: a promise, and an inclusion proof in a tree of one. */
export interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logIndex: number;
  readonly logID: string;
  readonly promise: string;
  readonly proof: object;
}

/** A transparency log that really signs. */
export interface TransparencyLog {
  readonly publicDer: Buffer;
  readonly host: string;
  add(entry: object): LogEntry;
}

/** Makes a log with a fresh key; `host` is its origin in checkpoints. Spec: Rekor v1; C2SP signed-note. */
export function createTransparencyLog(host: string): TransparencyLog {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicDer = publicKey.export({ format: "der", type: "spki" });
  const id = createHash("sha256").update(publicDer).digest();
  return {
    publicDer,
    host,
    add(entry) {
      const raw = Buffer.from(canonicalJson(entry));
      const integratedTime = Math.floor(Date.now() / 1000);
      const fields = { body: raw.toString("base64"), integratedTime, logIndex: 0, logID: id.toString("hex") };
      const rootHash = createHash("sha256")
        .update(Buffer.from([0]))
        .update(raw)
        .digest();
      const envelope = checkpoint({ host, id, privateKey }, rootHash);
      return {
        ...fields,
        promise: sign("sha256", Buffer.from(canonicalJson(fields)), privateKey).toString("base64"),
        proof: {
          logIndex: "0",
          rootHash: rootHash.toString("base64"),
          treeSize: "1",
          hashes: [],
          checkpoint: { envelope },
        },
      };
    },
  };
}

function checkpoint(
  log: { readonly host: string; readonly id: Buffer; readonly privateKey: KeyObject },
  rootHash: Buffer,
): string {
  const note = `${log.host} - 1\n1\n${rootHash.toString("base64")}\n`;
  const signature = sign("sha256", Buffer.from(note), log.privateKey);
  return `${note}\n\u2014 ${log.host} ${Buffer.concat([log.id.subarray(0, 4), signature]).toString("base64")}\n`;
}
