import { expect, test } from "bun:test";
import { html } from "./html.ts";

test("html shows text as text, wherever it stands", () => {
  const hostile = `<script>alert("1")</script>'&\u202e\u0000`;
  expect(html`<b title="${hostile}">${hostile}</b>${[html`<i>${1}</i>`]}${undefined}`.text).toBe(
    `<b title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\\u202e\\u0000">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\\u202e\\u0000</b><i>1</i>`,
  );
});
