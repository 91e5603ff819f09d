#!/usr/bin/env node
// The deep run: every fuzz test and every invariant campaign, again and again with new seeds, until each property has had
// its million runs and the campaigns their ten million calls together, or the hours are over. It remembers what it did,
// so it goes on where it stopped, as long as the commit is the same; and it writes what was run to docs/deep.md.
//
// usage: tools/deep.mjs [HOURS]
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const RUNS = 1_000_000; // of each fuzz test
const CALLS = 10_000_000; // of all campaigns
const DEPTH = 500; // calls of a campaign in one sequence
const ROUNDS = 1000; // each with a seed of its own; a round is the least that is remembered
const FIRST_SEED = 2016;

const hours = Number(process.argv[2] ?? "24");
if (!(hours > 0)) {
  console.error(`deep: HOURS is ${process.argv[2]}, expected a number above zero`);
  process.exit(2);
}
const until = Date.now() + hours * 3_600_000;
const git = (...args) => execFileSync("git", args, { encoding: "utf8" }).trim();
if (git("status", "--porcelain", "contracts", "test", "foundry.toml") !== "") {
  console.error("deep: contracts, test or foundry.toml have changes that are not committed, so the run could not be named");
  process.exit(2);
}
const commit = git("rev-parse", "--short=12", "HEAD");
const forge = (args, env = {}) =>
  spawnSync("forge", ["test", ...args], { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer: 1 << 28 });

const directory = "cache/deep";
const journal = `${directory}/${commit}.jsonl`;
mkdirSync(directory, { recursive: true });
const done = existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n").map((line) => JSON.parse(line)) : [];

const tests = Object.values(JSON.parse(forge(["--list", "--json"]).stdout)).flatMap((file) =>
  Object.entries(file).flatMap(([contract, names]) => names.map((name) => ({ contract, name }))),
);
const fuzz = tests.filter(({ name }) => name.startsWith("testFuzz_"));
const campaigns = tests.filter(({ name }) => name.startsWith("invariant_"));
const sequences = Math.ceil(CALLS / campaigns.length / ROUNDS / DEPTH);

function run(kind, round) {
  const seed = FIRST_SEED + round;
  const start = Date.now();
  const pattern = kind === "fuzz" ? "^testFuzz_" : "^invariant_";
  const { status, stdout, stderr } = forge(["--match-test", pattern, "--fuzz-seed", String(seed), "--json"], {
    FOUNDRY_FUZZ_RUNS: String(RUNS / ROUNDS),
    FOUNDRY_INVARIANT_RUNS: String(sequences),
    FOUNDRY_INVARIANT_DEPTH: String(DEPTH),
  });
  let results;
  try {
    results = Object.entries(JSON.parse(stdout)).flatMap(([suite, { test_results }]) =>
      Object.entries(test_results).map(([name, result]) => ({ name: `${suite.split(":")[1]}.${name}`, ...result })),
    );
  } catch {
    console.error(`deep: forge gave no results, and the code ${status}: ${stderr}`);
    process.exit(1);
  }
  const failed = results.filter(({ status: result }) => result !== "Success").map(({ name, reason }) => `${name}: ${reason}`);
  const expected = kind === "fuzz" ? fuzz.length : campaigns.length;
  if (results.length !== expected || (status === 0) !== (failed.length === 0)) {
    console.error(`deep: ${results.length} results and the code ${status}, expected ${expected} results`);
    process.exit(1);
  }
  const entry = { kind, round, seed, failed, seconds: Math.round((Date.now() - start) / 1000) };
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
  done.push(entry);
  console.log(`${kind} round ${round + 1} of ${ROUNDS}, seed ${seed}: ${failed.length} failed, ${entry.seconds} s`);
}

function report() {
  const rounds = (kind) => done.filter((entry) => entry.kind === kind);
  const seconds = done.reduce((sum, entry) => sum + entry.seconds, 0);
  const seeds = (kind) => {
    const all = rounds(kind).map(({ seed }) => seed);
    return all.length === 0 ? "none" : `${Math.min(...all)} to ${Math.max(...all)}`;
  };
  const number = (value) => value.toLocaleString("en-US");
  const failed = done.flatMap(({ kind, seed, failed: names }) => names.map((name) => `- ${kind}, seed ${seed}: ${name}`));
  const calls = rounds("invariant").length * sequences * DEPTH * campaigns.length;
  return `# The deep run

\`make deep\` (\`HOURS=24\` by default) runs every fuzz test ${number(RUNS)} times and the invariant campaigns for ${number(CALLS)} calls
together, in ${ROUNDS} rounds with a seed each, under the hardfork of \`foundry.toml\`. It goes on where it stopped. This page is written by it, and
says how far it came.

| | |
|---|---|
| commit | \`${commit}\` |
| tools | ${execFileSync("forge", ["--version"], { encoding: "utf8" }).split("\n")[0].trim()}, solc of \`package-lock.json\`, ${cpus().length} cores |
| fuzz tests | ${fuzz.length}; ${number((rounds("fuzz").length * RUNS) / ROUNDS)} runs of each, of ${number(RUNS)}; seeds ${seeds("fuzz")} |
| invariant campaigns | ${campaigns.length}; ${number(calls)} calls together, of ${number(CALLS)}; ${number(sequences)} sequences of ${DEPTH} calls a round; seeds ${seeds("invariant")} |
| time | ${number(seconds)} s |
| failures | ${failed.length} |

To repeat round *n* alone: \`FOUNDRY_FUZZ_RUNS=${RUNS / ROUNDS} FOUNDRY_INVARIANT_RUNS=${sequences} FOUNDRY_INVARIANT_DEPTH=${DEPTH} forge test
--match-test '^(testFuzz|invariant)_' --fuzz-seed\`, with the seed ${FIRST_SEED - 1} + *n*.
${failed.length === 0 ? "" : `\n${failed.join("\n")}\n`}`;
}

for (let round = 0; round < ROUNDS; round++) {
  for (const kind of ["fuzz", "invariant"]) {
    if (Date.now() >= until || done.some((entry) => entry.kind === kind && entry.round === round)) continue;
    run(kind, round);
    writeFileSync("docs/deep.md", report());
  }
}
console.log(readFileSync("docs/deep.md", "utf8"));
process.exitCode = done.some(({ failed }) => failed.length > 0) ? 1 : 0;
