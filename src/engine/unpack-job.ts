import { type UnpackInput, unpackLayerJob } from "../store/unpack-layer.ts";

/**
 * Runs the unpack job that `ensureLayers` or `importLayers` described; the result goes to stdout as JSON. A job with
 * `packedBytes` gets the packed blob on stdin. Returns the exit code.
 */
export async function runUnpackJob(payload: string): Promise<number> {
  const input = JSON.parse(payload) as UnpackInput;
  const packed = input.packedBytes === undefined ? {} : { packed: Bun.stdin.stream() };
  const result = await unpackLayerJob(input, packed);
  process.stdout.write(JSON.stringify(result));
  return 0;
}
