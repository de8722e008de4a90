/** One way a server offers to authenticate. Scheme and parameter names are lower case. */
export interface AuthChallenge {
  readonly scheme: string;
  readonly params: Readonly<Record<string, string>>;
}

const MAX_HEADER_CHARS = 16_384;
const MAX_CHALLENGES = 8;
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;

/**
 * Challenges of a WWW-Authenticate header, in order; several headers may have been joined by commas. What cannot be
 * read ends the list instead of failing: the request then counts as refused. At most 8 challenges, 16 KiB.
 * Spec: RFC 9110, section 11.6.1.
 */
export function parseChallenges(header: string): readonly AuthChallenge[] {
  const text = header.slice(0, MAX_HEADER_CHARS);
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  let at = 0;
  while (at < text.length && challenges.length <= MAX_CHALLENGES) {
    at = skip(text, at, " \t,");
    const word = readToken(text, at);
    if (word === undefined) break;
    const afterWord = skip(text, word.end, " \t");
    const current = challenges.at(-1);
    if (text[afterWord] === "=" && current !== undefined) {
      const value = readValue(text, skip(text, afterWord + 1, " \t"));
      if (value === undefined) break;
      current.params[word.text.toLowerCase()] ??= value.text;
      at = value.end;
    } else {
      challenges.push({ scheme: word.text.toLowerCase(), params: Object.create(null) as Record<string, string> });
      at = afterWord;
    }
  }
  return challenges.slice(0, MAX_CHALLENGES);
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

function skip(text: string, from: number, chars: string): number {
  let at = from;
  while (at < text.length && chars.includes(text.charAt(at))) at++;
  return at;
}

function readToken(text: string, at: number): Piece | undefined {
  TOKEN.lastIndex = at;
  const found = TOKEN.exec(text);
  return found === null ? undefined : { text: found[0], end: TOKEN.lastIndex };
}

function readValue(text: string, at: number): Piece | undefined {
  if (text[at] !== '"') return readToken(text, at);
  let value = "";
  for (let end = at + 1; end < text.length; end++) {
    const char = text.charAt(end);
    if (char === '"') return { text: value, end: end + 1 };
    if (char === "\\") end++;
    value += char === "\\" ? text.charAt(end) : char;
  }
  return undefined; // no closing quote
}
