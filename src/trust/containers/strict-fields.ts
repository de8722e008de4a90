/** A place in a document, and the list that collects what is wrong. */
export interface At {
  readonly path: string;
  readonly problems: string[];
}

/** The members of an object whose every field must be known: a misspelt restriction must not vanish. */
export function strictFields(value: unknown, at: At, known: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    at.problems.push(`${at.path}: must be an object`);
    return new Map();
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) if (!known.includes(name)) at.problems.push(`${at.path}.${name}: unknown field`);
  return fields;
}

/** Text that is there and not empty. */
export function textField(fields: ReadonlyMap<string, unknown>, name: string, at: At): string {
  const value = fields.get(name);
  if (typeof value === "string" && value !== "") return value;
  at.problems.push(`${at.path}.${name}: must be text`);
  return "";
}
