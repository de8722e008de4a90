// npm run bench [-- --json[=FILE]] [-- --rounds=N] [-- SUBJECT …]: side-by-side measurements; see docs/benchmarks.md.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createWorld } from "../test/harness/world.ts";
import { openLab } from "./lab.ts";
import { removeLateDirs } from "./late-removal.ts";
import { measureContest, type Outcome } from "./measure.ts";
import { formatOutcome } from "./report.ts";
import { SUBJECTS } from "./subjects.ts";

/** A world per subject: what one leaves in caches of pods and layers does not slow the next. */
async function measureSubject(subject: (typeof SUBJECTS)[number], rounds: number | undefined): Promise<Outcome> {
  await using world = await createWorld();
  const lab = await openLab(world);
  await using contest = await subject.open(lab);
  return await measureContest(subject, contest, rounds ?? subject.rounds);
}

function chosenSubjects(names: readonly string[]): typeof SUBJECTS {
  const unknown = names.filter((name) => !SUBJECTS.some((subject) => subject.name === name));
  if (unknown.length === 0) return SUBJECTS.filter(({ name }) => names.length === 0 || names.includes(name));
  console.error(
    `Cannot measure ${unknown.join(", ")}: no such subject\nuse: ${SUBJECTS.map(({ name }) => name).join(" ")}`,
  );
  process.exit(2);
}

function parseCommandLine(argv: string[]) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { json: { type: "string" }, rounds: { type: "string" } },
  });
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    console.error(`Cannot measure "${values.rounds}" rounds\nuse a whole number above 0`);
    process.exit(2);
  }
  return { json: values.json, rounds, subjects: chosenSubjects(positionals) };
}

// `--json` alone means standard output, as everywhere in Gantry.
const { json, rounds, subjects } = parseCommandLine(
  process.argv.slice(2).map((arg) => (arg === "--json" ? "--json=-" : arg)),
);
const outcomes: Outcome[] = [];
try {
  for (const subject of subjects) {
    console.error(`measuring ${subject.name} …`);
    const outcome = await measureSubject(subject, rounds);
    outcomes.push(outcome);
    if (json !== "-") console.log(formatOutcome(outcome));
  }
} finally {
  removeLateDirs();
}
if (json === "-") console.log(JSON.stringify(outcomes, undefined, 2));
else if (json !== undefined) writeFileSync(json, `${JSON.stringify(outcomes, undefined, 2)}\n`);
