/** Whole numbers in [0, below), the same for the same seed. */
export type Random = (below: number) => number;

/** xorshift32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const MAX_BYTES = 16_384;
const EDGES = [0, 1, 0x0a, 0x20, 0x22, 0x2e, 0x2f, 0x3a, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xff] as const;

/** One to six changes to `input`: bits, bytes, runs, words of `words`, pieces of `other`, cuts. Never longer than 16 KiB. */
export function mutate(
  input: Uint8Array,
  {
    random,
    words,
    other,
  }: { readonly random: Random; readonly words: readonly Uint8Array[]; readonly other: Uint8Array },
): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let left = 1 + random(6); left > 0; left--) bytes = change(bytes, { random, words, other });
  return bytes.subarray(0, MAX_BYTES);
}

function change(
  bytes: Uint8Array<ArrayBuffer>,
  {
    random,
    words,
    other,
  }: { readonly random: Random; readonly words: readonly Uint8Array[]; readonly other: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const at = random(bytes.length + 1);
  const span = 1 + random(Math.max(1, Math.min(64, bytes.length - at)));
  switch (random(9)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = EDGES[random(EDGES.length)] ?? 0;
      return bytes;
    case 2:
      return join(bytes.subarray(0, at), bytes.subarray(at + span));
    case 3:
      return join(bytes.subarray(0, at), bytes.subarray(at, at + span), bytes.subarray(at));
    case 4:
      return join(bytes.subarray(0, at), words[random(words.length)] ?? Uint8Array.of(0), bytes.subarray(at));
    case 5: {
      const from = random(other.length + 1);
      return join(bytes.subarray(0, at), other.subarray(from, from + 1 + random(200)), bytes.subarray(at));
    }
    case 6:
      return join(bytes.subarray(0, at));
    case 7:
      return join(bytes.subarray(0, at), new Uint8Array(1 + random(300)).fill(random(256)), bytes.subarray(at));
    default: {
      const word = words[random(words.length)] ?? Uint8Array.of(0);
      return join(bytes.subarray(0, at), word, bytes.subarray(Math.min(bytes.length, at + word.length)));
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
