/** The number that stands for no limit. It has more digits than a number of ours keeps; here it is "unlimited". */
const NO_LIMIT = "18446744073709551615";

/** A configuration, or a part of one, as the text that runtimes read. */
export function encodeSpec(spec: object): string {
  // A quote inside a text of the configuration is escaped, so that only members match.
  return JSON.stringify(spec, undefined, 1).replaceAll(/"(soft|hard)": "unlimited"/g, `"$1": ${NO_LIMIT}`);
}

/** What `encodeSpec` wrote. */
export function decodeSpec(text: string): unknown {
  return JSON.parse(text.replaceAll(new RegExp(`"(soft|hard)": ${NO_LIMIT}`, "g"), '"$1": "unlimited"'));
}
