/** One test case of a JUnit report. */
export interface TestCase {
  readonly file: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
}

/** Reads the report that `bun test --reporter=junit` writes. Only what that writer emits is understood. */
export function parseJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (const match of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const body = match[2] ?? "";
    const failed = /<(?:failure|error)\b/.test(body);
    cases.push({
      file: attribute(match[1] ?? "", "file"),
      name: attribute(match[1] ?? "", "name"),
      state: failed ? "failed" : /<skipped\b/.test(body) ? "skipped" : "passed",
    });
  }
  return cases;
}

function attribute(text: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&#10;", "\n")
    .replaceAll("&amp;", "&");
}
