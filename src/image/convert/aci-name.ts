/** What an App Container Image is called; without a name its config gives it one. */
export interface AciName {
  /** AC Identifier. */
  readonly name?: string;
  readonly version?: string;
}

/**
 * `NAME[:VERSION]` as name and version label; text without "/" and ":" is a version only, as the references in layouts
 * are. "made fitting" turns what other formats call an image into an AC Identifier; "as it is" leaves that to a check.
 */
export function parseAciName(text: string, form: "as it is" | "made fitting"): AciName {
  const colon = text.lastIndexOf(":");
  const hasVersion = colon > text.lastIndexOf("/");
  if (form === "made fitting" && !text.includes("/") && !hasVersion) return { version: text };
  const whole = (hasVersion ? text.slice(0, colon) : text).replace(/@.*$/, "");
  const name = form === "as it is" ? whole : fitting(whole);
  return { ...(name === "" ? {} : { name }), ...(hasVersion ? { version: text.slice(colon + 1) } : {}) };
}

/** Lower case, the port of a host left out, single separators. */
function fitting(name: string): string {
  return name
    .toLowerCase()
    .replace(/^([^/]*):[0-9]+\//, "$1/")
    .replace(/[^a-z0-9\-._~/]/g, "-")
    .replace(/([-._~/])[-._~/]+/g, "$1")
    .replace(/^[-._~/]+|[-._~/]+$/g, "");
}
