import { EngineError } from "../base/errors.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { TransportError } from "./errors.ts";
import type { FoundSignature, ImageSource } from "./image-source.ts";

/** Hears of every place that was asked for the image. */
export type OnAttempt = (place: string, outcome: string) => void;

/**
 * Several places that may have one image, as one source: the first that names it is used. What the chosen place lacks
 * later is asked of the others, because everything after the name goes by digest. Signatures come from the chosen place,
 * and from the last (the registry itself) when it has none.
 * @throws {TransportError} that of the last place, when none has the image.
 */
export function openFirstAvailable(sources: readonly ImageSource[], onAttempt: OnAttempt = () => {}): ImageSource {
  let order = sources;
  const resolve = async (options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor> => {
    const failures: string[] = [];
    for (const source of sources) {
      try {
        const descriptor = await source.resolve(options);
        onAttempt(source.place, `has ${descriptor.digest}`);
        order = [source, ...sources.filter((other) => other !== source)];
        return descriptor;
      } catch (reason) {
        if (options.signal?.aborted || !(reason instanceof EngineError)) throw reason;
        onAttempt(source.place, reason.message);
        failures.push(reason.message);
        if (source === sources.at(-1)) throw withAttempts(reason, failures);
      }
    }
    throw new TransportError("transport/not-found", "Cannot read the image: there is no place to read it from");
  };
  return {
    get place() {
      return order[0]?.place ?? "";
    },
    resolve,
    readDocument: (...input) => firstOf(order, (source) => source.readDocument(...input)),
    openBlob: (...input) => firstOf(order, (source) => source.openBlob(...input)),
    findSignatures: (...input) => findSignatures(order, sources.at(-1), (source) => source.findSignatures(...input)),
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      for (const source of sources) stack.use(source);
    },
  };
}

async function findSignatures(
  order: readonly ImageSource[],
  registry: ImageSource | undefined,
  find: (source: ImageSource) => Promise<readonly FoundSignature[]>,
): Promise<readonly FoundSignature[]> {
  const [chosen] = order;
  const found = chosen === undefined ? [] : await find(chosen);
  if (found.length > 0 || registry === undefined || registry === chosen) return found;
  try {
    return await find(registry);
  } catch (reason) {
    // A registry behind its mirrors is often not reachable at all; the policy then decides without its signatures.
    if (reason instanceof TransportError) return [];
    throw reason;
  }
}

async function firstOf<T>(sources: readonly ImageSource[], work: (source: ImageSource) => Promise<T>): Promise<T> {
  let first: unknown;
  for (const source of sources) {
    try {
      return await work(source);
    } catch (reason) {
      if (!(reason instanceof TransportError)) throw reason;
      first ??= reason;
    }
  }
  throw first;
}

function withAttempts(reason: EngineError, failures: readonly string[]): EngineError {
  if (failures.length < 2 || !(reason instanceof TransportError)) return reason;
  return new TransportError(reason.code, reason.message, {
    ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    data: { ...reason.data, attempts: failures },
    cause: reason,
  });
}
