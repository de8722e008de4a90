import { isConsistent, type TreeHead } from "../audit/merkle/proofs.ts";
import { parseCheckpoint } from "../audit/note/checkpoint.ts";
import {
  cosignNote,
  findSignature,
  formatVkey,
  generateNoteSigner,
  type NoteVerifier,
  openNoteSigner,
} from "../audit/note/note-keys.ts";

/** A witness for logs: remembers the newest tree head of each and cosigns only what continues it. */
export interface WitnessServer extends AsyncDisposable {
  /** Submission prefix. */
  readonly url: string;
  readonly vkey: string;
  /** Believes this log from now on. */
  know(log: NoteVerifier): void;
}

/** Starts one on loopback. Spec: C2SP tlog-witness, "add-checkpoint", every status it defines. */
export async function startWitnessServer(name: string): Promise<WitnessServer> {
  const signer = openNoteSigner(name, generateNoteSigner(() => name).privatePem, "cosignature");
  const logs = new Map<string, NoteVerifier>();
  const seen = new Map<string, TreeHead>();

  const addCheckpoint = (body: string): Response => {
    const split = body.indexOf("\n\n");
    const [oldLine = "", ...proofLines] = body.slice(0, split).split("\n");
    const oldSize = Number(/^old (0|[1-9][0-9]*)$/.exec(oldLine)?.[1] ?? Number.NaN);
    const checkpoint = parseCheckpoint(body.slice(split + 2));
    const log = logs.get(checkpoint.origin);
    if (log === undefined) return new Response("unknown log\n", { status: 404 });
    if (findSignature(checkpoint.note, log) === undefined) return new Response("bad signature\n", { status: 403 });
    if (Number.isNaN(oldSize) || oldSize > checkpoint.size) return new Response("bad old size\n", { status: 400 });
    const last = seen.get(checkpoint.origin) ?? { size: 0, root: new Uint8Array(32) };
    if (oldSize !== last.size) {
      return new Response(`${last.size}\n`, { status: 409, headers: { "content-type": "text/x.tlog.size" } });
    }
    const isSameSize = last.size === checkpoint.size;
    const proof = proofLines.map((line) => Buffer.from(line, "base64"));
    if (last.size > 0 && !isConsistent(last, checkpoint, proof)) {
      return new Response("inconsistent\n", { status: isSameSize ? 409 : 422 });
    }
    seen.set(checkpoint.origin, checkpoint);
    return new Response(`${cosignNote(signer, checkpoint.note.text, Math.floor(Date.now() / 1000))}\n`);
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const isSubmission = request.method === "POST" && new URL(request.url).pathname === "/add-checkpoint";
      return isSubmission ? addCheckpoint(await request.text()) : new Response("not found\n", { status: 404 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    vkey: formatVkey(signer),
    know: (log) => void logs.set(log.name, log),
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
