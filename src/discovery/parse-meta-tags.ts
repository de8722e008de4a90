/** One discovery tag: the name prefix it is for, and the rest of its content. */
export interface DiscoveryTag {
  readonly name: "ac-discovery" | "ac-discovery-pubkeys";
  readonly prefix: string;
  readonly value: string;
}

const MAX_TAGS = 100;
const MAX_CONTENT_CHARS = 2048;

/**
 * Discovery tags in the head of a page, in order, at most 100. Reading stops at the end of the head or the start of the
 * body, so that what others write into a page's body (comments, listings) directs nobody.
 * Spec: appc v0.8.11, discovery.md "Meta Discovery".
 */
export function parseMetaTags(html: string): readonly DiscoveryTag[] {
  const tags: DiscoveryTag[] = [];
  const noise =
    /<!--[\s\S]*?(?:-->|$)|<(script|style|title|noscript|template|textarea)\b[^>]*>[\s\S]*?(?:<\/\1\s*>|$)/gi;
  const clean = html.replaceAll(noise, " ");
  const end = /<\/head\s*>|<body[\s>]/i.exec(clean)?.index ?? clean.length;
  for (const [, attributes = ""] of clean.slice(0, end).matchAll(/<meta\s((?:[^>"']|"[^"]*"|'[^']*')*)>/gi)) {
    const tag = parseTag(readAttributes(attributes));
    if (tag !== undefined) tags.push(tag);
    if (tags.length === MAX_TAGS) break;
  }
  return tags;
}

function parseTag(attributes: ReadonlyMap<string, string>): DiscoveryTag | undefined {
  const name = attributes.get("name");
  const content = attributes.get("content") ?? "";
  if ((name !== "ac-discovery" && name !== "ac-discovery-pubkeys") || content.length > MAX_CONTENT_CHARS)
    return undefined;
  const [prefix, value, ...rest] = content.trim().split(/\s+/);
  return prefix === undefined || value === undefined || rest.length > 0 ? undefined : { name, prefix, value };
}

function readAttributes(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", double, single, bare] of text.matchAll(
    /([^\s=/"'>]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g,
  )) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, unescapeEntities(double ?? single ?? bare ?? ""));
  }
  return found;
}

function unescapeEntities(text: string): string {
  const entities: ReadonlyMap<string, string> = new Map([
    ["amp", "&"],
    ["lt", "<"],
    ["gt", ">"],
    ["quot", '"'],
    ["#39", "'"],
    ["#123", "{"],
    ["#125", "}"],
  ]);
  return text.replaceAll(/&(amp|lt|gt|quot|#39|#123|#125);/g, (whole, name: string) => entities.get(name) ?? whole);
}
