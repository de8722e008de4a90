/** Values for template variables. */
export type TemplateValues = ReadonlyMap<string, string>;

/**
 * Fills `{name}`, `{version}`, `{os}`, `{arch}`, `{ext}` and further labels in a discovery template. Undefined when a
 * variable has no value: such a tag is to be skipped.
 * Spec: appc v0.8.11, discovery.md.
 */
export function renderTemplate(template: string, values: TemplateValues): string | undefined {
  let isComplete = true;
  const rendered = template.replaceAll(/\{([^{}]*)\}/g, (_whole, name: string) => {
    const value = values.get(name);
    isComplete &&= value !== undefined;
    return value ?? "";
  });
  return isComplete && !/[{}]/.test(rendered) ? rendered : undefined;
}
