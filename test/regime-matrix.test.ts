import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { BEHAVIOURS_INSIDE } from "./regimes/behaviours-inside.ts";
import { BEHAVIOURS_LIFE } from "./regimes/behaviours-life.ts";
import { EXCEPTIONS } from "./regimes/exceptions.ts";
import { openRegimeLab, REGIMES, type Regime, type RegimeLab } from "./regimes/lab.ts";
import { type Cell, documentedTable, renderTable } from "./regimes/table.ts";

// The same behaviours in every built-in regime. What was measured is the table in docs/regimes.md: a cell that is no plain
// yes is declared with its reason, and what happens instead is tried as well.
const TIMEOUT_MS = 180_000;
const BEHAVIOURS = [...BEHAVIOURS_INSIDE, ...BEHAVIOURS_LIFE];
const measured = new Map(BEHAVIOURS.map(({ name }) => [name, new Map<Regime, Cell>()]));
/** For work on one regime; the table is then not compared. */
const only = process.env["GANTRY_REGIMES"]?.split(",");

test("matrix: 25 behaviours, and every exception names one of them", () => {
  expect(measured.size).toBe(25);
  expect(EXCEPTIONS.filter((one) => !measured.has(one.behaviour)).map((one) => one.behaviour)).toEqual([]);
});

for (const regime of REGIMES.filter((one) => only?.includes(one) !== false)) {
  describe(`matrix: ${regime}`, () => {
    let lab: RegimeLab | undefined;
    beforeAll(async () => {
      lab = await openRegimeLab(regime);
    }, TIMEOUT_MS);
    afterAll(async () => {
      await lab?.[Symbol.asyncDispose]();
    }, TIMEOUT_MS);
    for (const behaviour of BEHAVIOURS) {
      test(
        behaviour.name,
        async () => {
          if (lab === undefined) throw new Error("the world could not be made");
          const cells = measured.get(behaviour.name);
          cells?.set(regime, { text: "fails" });
          const exception = EXCEPTIONS.find((one) => one.regime === regime && one.behaviour === behaviour.name);
          await (exception ?? behaviour).check(lab);
          cells?.set(
            regime,
            exception === undefined ? { text: "yes" } : { text: exception.cell, note: exception.reason },
          );
        },
        TIMEOUT_MS,
      );
    }
  });
}

test("matrix: docs/regimes.md shows what was measured (GANTRY_WRITE_DOCS=1 writes it)", () => {
  const table = renderTable("behaviour", measured);
  console.log(table);
  if (only === undefined) expect(documentedTable("behaviours", table)).toBe(table);
});
