import { decompress } from "../../store/decompress.ts";
import type { Files, Programs } from "../../sys/host.ts";
import type { PrivateFile } from "../archive/private-file.ts";
import { TransportError } from "../errors.ts";

/** What undoing a compression takes from the host. */
export interface DecompressHost {
  readonly temp: Files;
  readonly programs: Programs;
}

/** Largest archive after decompression: 64 GiB. */
const MAX_PLAIN_BYTES = 64 * 1024 ** 3;
const MAGIC: readonly (readonly [kind: "gzip" | "zstd" | "bzip2" | "xz", ...bytes: readonly number[]])[] = [
  ["gzip", 0x1f, 0x8b],
  ["zstd", 0x28, 0xb5, 0x2f, 0xfd],
  ["bzip2", 0x42, 0x5a, 0x68],
  ["xz", 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
];

/**
 * The bytes inside an archive, whatever it is compressed with: its first bytes decide, never its name. gzip and zstd are
 * undone here; xz and bzip2 by the programs of that name, under limits of memory and size.
 * @throws {TransportError} "transport/bad-archive"; {ImageError} "image/bad-layer"; {SysError} "sys/program-missing"
 */
export async function* plainChunks(
  host: DecompressHost,
  { file, place }: { readonly file: PrivateFile; readonly place: string },
  options: { readonly signal?: AbortSignal } = {},
): AsyncIterable<Uint8Array> {
  const head = file.readAt(0, 6);
  const kind = MAGIC.find(([, ...bytes]) => bytes.every((byte, i) => head[i] === byte))?.[0];
  if (kind !== "xz" && kind !== "bzip2") {
    yield* bounded(decompress(file.chunks(0), kind === "gzip" || kind === "zstd" ? kind : "none"), place);
    return;
  }
  using plain = host.temp.createTemp();
  await runDecompressor(host.programs, { kind, place, from: file.path, to: plain.path }, options);
  yield* host.temp.readChunks(plain.path.slice(host.temp.root.length + 1));
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, place: string): AsyncIterable<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_PLAIN_BYTES) throw damaged(place, "it is larger than 64 GiB");
    yield chunk;
  }
}

async function runDecompressor(
  programs: Programs,
  job: { readonly kind: "xz" | "bzip2"; readonly place: string; readonly from: string; readonly to: string },
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const program = job.kind === "xz" ? "xz --memlimit-decompress=256MiB" : "bzip2";
  // A shell only to connect two files; their names are arguments, never part of its text.
  const script = `exec ${program} --decompress --stdout <"$1" >"$2"`;
  const argv = ["prlimit", `--fsize=${MAX_PLAIN_BYTES}`, "--", "sh", "-c", script, "sh", job.from, job.to] as const;
  const { exitCode, stderr } = await programs.run({ argv: [...argv], timeoutMs: 3_600_000 }, options);
  if (exitCode === 0) return;
  if (exitCode === 127) {
    throw new TransportError("transport/unsupported", `Cannot read ${job.place}: it needs the program ${job.kind}`, {
      hint: `install it: apt install ${job.kind === "xz" ? "xz-utils" : "bzip2"}`,
    });
  }
  throw damaged(job.place, `${job.kind} says: ${stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? exitCode}`);
}

function damaged(place: string, state: string): TransportError {
  return new TransportError("transport/bad-archive", `Cannot decompress ${place}: ${state}`, {
    hint: "download it again",
  });
}
