const SECRET_NAME = /token|secret|signature|sig|password|credential|key|auth|code/i;

/** A URL for messages: without user and password, and with the values of query parameters that look secret hidden. */
export function redactUrl(text: string): string {
  if (!URL.canParse(text)) return "(malformed URL)";
  const url = new URL(text);
  url.username = "";
  url.password = "";
  url.hash = "";
  for (const name of [...url.searchParams.keys()]) {
    if (SECRET_NAME.test(name)) url.searchParams.set(name, "redacted");
  }
  return url.href;
}
