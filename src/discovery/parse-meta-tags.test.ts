import { expect, test } from "bun:test";
import { parseMetaTags } from "./parse-meta-tags.ts";

test("parseMetaTags() reads tags of the head however they are written", () => {
  const html = `<HEAD><META content='a.example https://a/{name}' NAME="ac-discovery" />
    <meta name=ac-discovery-pubkeys content="a.example https://a/k?x=1&amp;y=2"></HEAD>`;
  expect(parseMetaTags(html)).toEqual([
    { name: "ac-discovery", prefix: "a.example", value: "https://a/{name}" },
    { name: "ac-discovery-pubkeys", prefix: "a.example", value: "https://a/k?x=1&y=2" },
  ]);
});

test("parseMetaTags() ignores the body, comments, scripts, and malformed content", () => {
  const tag = '<meta name="ac-discovery" content="a https://a/">';
  expect(parseMetaTags(`<head><!-- ${tag} --><script>${tag}</script><title>${tag}</title></head><body>${tag}`)).toEqual(
    [],
  );
  expect(
    parseMetaTags('<meta name="ac-discovery" content="only-prefix"><meta name="ac-discovery" content="a b c">'),
  ).toEqual([]);
  expect(parseMetaTags(tag.repeat(500)).length).toBe(100);
});
