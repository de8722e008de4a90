import { afterEach, beforeEach, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signCheckpoint } from "../audit/note/checkpoint.ts";
import { formatVkey, generateNoteSigner } from "../audit/note/note-keys.ts";
import type { HttpClient } from "../sys/host.ts";
import { createHttpClient } from "../sys/http.ts";
import { type Database, openDatabase } from "../sys/sqlite.ts";
import { examineNode } from "./examine-node.ts";
import { KeptLog } from "./fleet/kept-log.ts";
import { addNode, type FleetNode } from "./fleet/nodes.ts";
import { SCHEMA } from "./fleet/schema.ts";
import { NodeClient } from "./node-client.ts";
import { parseAttestationKey } from "./tpm/public-area.ts";

const NONCE = "ab".repeat(20);
const NV_NAME = `000b${"11".repeat(32)}`;
const http: HttpClient = createHttpClient({ caFiles: [], insecureTls: false, allowHttp: true, userAgent: "test" });

let dir = "";
let database: Database;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-examine-"));
  database = openDatabase(join(dir, "fleet.sqlite"), SCHEMA);
});
afterEach(() => {
  database[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});

const u16 = (value: number) => Buffer.from(value.toString(16).padStart(4, "0"), "hex");
const sized = (bytes: Uint8Array) => Buffer.concat([u16(bytes.byteLength), bytes]);

/** Keys and statements as a TPM would make them, signed outside of any. */
function forgedTpm() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const parts = [Buffer.from("0023000b000504720000001000180 00b00030010".replaceAll(" ", ""), "hex")];
  const area = Buffer.concat([...parts, sized(Buffer.from(x, "base64url")), sized(Buffer.from(y, "base64url"))]);
  const ak = sized(area);
  const statement = (type: string, attested: Uint8Array) => {
    const clock = Buffer.from(`${"00".repeat(7)}05${"00000001".repeat(2)}01${"00".repeat(8)}`, "hex");
    const head = [Buffer.from(`ff544347${type}`, "hex"), sized(Buffer.of()), sized(Buffer.from(NONCE, "hex")), clock];
    const message = Buffer.concat([...head, attested]);
    return { message: message.toString("base64"), signature: sign("sha256", message, privateKey).toString("base64") };
  };
  const nv = statement("8014", Buffer.concat([sized(Buffer.from(NV_NAME, "hex")), u16(0), sized(Buffer.alloc(32))]));
  const pcr = statement("8018", Buffer.concat([Buffer.from("00000001000b03ffffff", "hex"), sized(Buffer.alloc(32))]));
  return { ak: ak.toString("base64"), akName: parseAttestationKey(ak).name, nv, pcr };
}

type Answers = Readonly<Record<string, () => Response>>;

async function examineWith(answers: Answers, node: Partial<FleetNode> = {}) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => answers[new URL(request.url).pathname]?.() ?? new Response("not found\n", { status: 404 }),
  });
  const facts = {
    name: "n",
    url: `http://127.0.0.1:${server.port}`,
    vkey: "",
    akName: "",
    ekHash: "",
    ekPem: "",
    ekTrust: "",
    nvName: NV_NAME,
    counter: 1,
  };
  const added = addNode(database, { ...facts, ...node }, "2026-01-01T00:00:00.000Z");
  const client = new NodeClient(http, added, AbortSignal.timeout(10_000));
  const found = await examineNode(added, { client, kept: new KeptLog(database, added.id), nonce: NONCE });
  await server.stop(true);
  return found.kind === "bad" ? found.problem.kind : found.kind;
}

test("examineNode() names what cannot be an answer", async () => {
  const quote = (body: string, status = 200) => examineWith({ "/quote": () => new Response(body, { status }) });
  expect(await quote("x")).toBe("bad-answer");
  expect(await quote("{}")).toBe("bad-answer");
  expect(await quote("x".repeat(2_000_000))).toBe("bad-answer");
  expect(await quote("busy", 429)).toBe("unreachable");
  expect(await quote("", 302)).toBe("bad-answer");
  const failure = { error: { code: "audit/no-tpm", message: "gone" } };
  expect(await examineWith({ "/quote": () => Response.json(failure, { status: 503 }) })).toBe("bad-answer");
});

test("examineNode() holds a quote's parts against each other, and fails closed on records made to trip it up", async () => {
  const { akName, ...tpm } = forgedTpm();
  const signer = generateNoteSigner(() => "log");
  const line = Buffer.from(`{"content":${"[".repeat(32_000)}${"]".repeat(32_000)}}`);
  const hash = new Bun.CryptoHasher("sha256").update(Buffer.of(0)).update(line).digest();
  const ek = { publicKey: "pem" };
  const vkey = formatVkey(signer);
  const good = { nonce: NONCE, vkey, checkpoint: signCheckpoint(signer, { size: 1, root: hash }), ek, ...tpm };
  const bundle = () => new Response(Buffer.concat([u16(line.byteLength), line]));
  const kind = (change: object, node: Partial<FleetNode> = {}) =>
    examineWith(
      { "/quote": () => Response.json({ ...good, ...change }), "/tile/entries/000.p/1": bundle },
      { vkey, akName, ...node },
    );
  expect(await kind({})).toBe("record-edited");
  expect(await kind({}, { akName: "other" })).toBe("tpm-replaced");
  expect(await kind({ nv: { ...tpm.nv, signature: "AAAA" } })).toBe("quote-forged");
  expect(await kind({ nv: { ...tpm.nv, signature: "" } })).toBe("quote-forged");
  expect(await kind({ pcr: tpm.nv })).toBe("quote-forged");
  expect(await kind({}, { nvName: "other" })).toBe("index-recreated");
  expect(await kind({ ak: "AAAA" })).toBe("quote-forged");
  expect(
    await kind({
      checkpoint: signCheckpoint(
        generateNoteSigner(() => "log"),
        { size: 1, root: hash },
      ),
    }),
  ).toBe("checkpoint-forged");
  expect(
    await kind({
      checkpoint: signCheckpoint(
        generateNoteSigner(() => "two"),
        { size: 1, root: hash },
      ),
    }),
  ).toBe("other-log");
  expect(await kind({ checkpoint: signCheckpoint(signer, { size: 2 ** 50, root: hash }) })).toBe("bad-answer");
});
