import { type UnpackInput, unpackLayerJob } from "../store/unpack-layer.ts";

/** Runs the unpack job that `ensureLayers` wrote to stdin; the result goes to stdout as JSON. Returns the exit code. */
export async function runUnpackJob(payload: string): Promise<number> {
  const result = await unpackLayerJob(JSON.parse(payload) as UnpackInput);
  process.stdout.write(JSON.stringify(result));
  return 0;
}
