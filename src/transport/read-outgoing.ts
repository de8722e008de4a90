import type { Descriptor } from "../image/descriptor.ts";
import { TransportError } from "./errors.ts";
import type { OutgoingBlob } from "./image-sink.ts";
import type { ImageSource } from "./image-source.ts";

const ATTEMPTS = 5;

/** A blob of a source, ready for a sink. A source that breaks off is asked again for the rest, as long as it moves on. */
export function readOutgoing(
  source: ImageSource,
  descriptor: Descriptor,
  options: { readonly signal?: AbortSignal } = {},
): OutgoingBlob {
  return {
    descriptor,
    async *open(fromByte) {
      let at = fromByte;
      for (let attempt = 1; at < descriptor.sizeBytes; attempt++) {
        const before = at;
        try {
          const stream = await source.openBlob(descriptor, at, options);
          let skip = at - stream.startedAt;
          for await (const chunk of stream.chunks) {
            const rest = chunk.subarray(Math.min(skip, chunk.byteLength));
            skip -= chunk.byteLength - rest.byteLength;
            at += rest.byteLength;
            if (rest.byteLength > 0) yield rest;
          }
          if (at === before) return; // it has no more: the check of the whole says so
        } catch (reason) {
          const isBroken = reason instanceof TransportError && reason.code === "transport/unavailable";
          if (!isBroken || at === before || attempt >= ATTEMPTS) throw reason;
        }
      }
    },
  };
}
