#!/usr/bin/env node
// Changes the contracts in one small way after the other, and runs the tests: each change must make a test fail, leave
// the bytecode as it is, or stand in survivors.json with the reason why it is harmless. See docs/mutants.md.
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parse, readSources } from "./compile.mjs";
import { changes, learnMembers } from "./operators.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WORK = "cache/mutants";
const RESULTS = `${WORK}/results.jsonl`;
const SAMPLE = 40;
const SAMPLE_OF_TABLE = 3;

const FORMS = ["Direct", "Clone", "Token"];
/** Without this text tests of each form must fail, and of the clearing house: they show that mutants reach the tests. */
const CONTROLS = [
  { file: "contracts/ChequebookBase.sol", old: "_pay(beneficiary, owed);", test: "CashPacked" },
  { file: "contracts/ClearingHouse.sol", old: "if (success) return 0;", test: "ClearingHouse" },
];

const { values: options } = parseArgs({
  options: {
    sample: { type: "boolean" }, // a few, which change with the contracts
    only: { type: "string" }, // those whose name contains this
    "keep-kills": { type: "boolean" }, // what other tests killed stays killed: to write tests against survivors
    fresh: { type: "boolean" }, // forget the results of a run that was interrupted
    list: { type: "boolean" },
    lanes: { type: "string", default: `${Math.min(availableParallelism(), 4)}` },
  },
});

process.chdir(`${HERE}/../..`);

function hash(...parts) {
  const all = createHash("sha256");
  for (const part of parts) all.update(part).update("\0");
  return all.digest("hex").slice(0, 16);
}
const hashOfFiles = (...paths) => hash(...paths.flatMap((path) => [path, readFileSync(path)]));
const flat = (text) => text.replace(/\s+/g, " ").trim();

/** All mutants: the whole lines before and after the change name it, with a number if that is not enough. */
function generate(sources) {
  const asts = parse(sources);
  learnMembers(asts.values());
  const mutants = new Map();
  for (const [file, ast] of asts) {
    const source = sources.get(file);
    const seen = new Set();
    const same = new Map();
    for (const { kind, start, end, text, where } of changes(ast, source).sort((a, b) => a.start - b.start)) {
      const mutated = source.slice(0, start) + text + source.slice(end);
      if (seen.has(mutated)) continue;
      seen.add(mutated);
      const [from, to] = [source.lastIndexOf("\n", start) + 1, source.indexOf("\n", end)];
      const was = flat(source.slice(from, to));
      const is = flat(source.slice(from, start) + text + source.slice(end, to));
      const plain = `${where}: ${was} → ${is}`;
      const times = (same.get(plain) ?? 0) + 1;
      same.set(plain, times);
      const name = times === 1 ? plain : `${plain} #${times}`;
      mutants.set(name, { name, kind, file, source: mutated });
    }
  }
  return mutants;
}

/** Hands jobs to lanes, and calls `done` with each job and its result. */
async function work(jobs, count, done) {
  const queue = [...jobs];
  const lane = async (number) => {
    let child;
    const answer = () =>
      new Promise((resolve, reject) => {
        child.once("message", resolve);
        child.once("exit", (code) => reject(new Error(`mutants: lane ${number} ended with ${code}`)));
      });
    while (queue.length > 0) {
      const job = queue.shift();
      if (!child) {
        child = fork(`${HERE}/lane.mjs`, [`${WORK}/lane-${number}`]);
        await answer();
      }
      child.removeAllListeners();
      const received = answer();
      child.send(job);
      const result = await received;
      if (result.outcome === "error") throw new Error(`mutants: ${job.name}: ${result.by}`);
      done(job, result);
      if (result.heavy) {
        child.removeAllListeners();
        child.kill(); // solc does not give back all of its memory
        child = undefined;
      }
    }
    child?.removeAllListeners();
    child?.kill();
  };
  await Promise.all(Array.from({ length: Math.min(count, queue.length) }, (_, i) => lane(i)));
}

async function checkControls(sources, lanes) {
  const jobs = CONTROLS.map((control) => {
    const source = sources.get(control.file);
    if (source.split(control.old).length !== 2) throw new Error(`mutants: not once in ${control.file}: ${control.old}`);
    const reaches = FORMS.map((form) => `${control.test}${form}Test`);
    return { file: control.file, control: true, name: control.old, reaches, source: source.replace(control.old, "") };
  });
  jobs.unshift({ control: true, name: "the original", file: "contracts/ClearingHouse.sol", reaches: [] });
  await work(jobs, lanes, ({ name, reaches }, { failed }) => {
    const missing = reaches.filter((suite) => !failed.includes(suite));
    if (missing.length > 0) throw new Error(`mutants: without "${name}" these pass: ${missing}`);
    if (reaches.length === 0 && failed.length > 0) throw new Error(`mutants: without a change these fail: ${failed}`);
    console.log(`control: ${name}: ${failed.length} suites fail`);
  });
}

async function main() {
  mkdirSync(WORK, { recursive: true });
  const start = Date.now();
  const sources = readSources();
  const contracts = hash(...[...sources].flat());
  const mutants = generate(sources);
  const table = JSON.parse(readFileSync(`${HERE}/survivors.json`, "utf8")).contracts;
  const listed = new Map(table.flatMap(({ why, mutants }) => mutants.map((name) => [name, why])));
  const problems = [];
  for (const name of listed.keys()) if (!mutants.has(name)) problems.push(`in the table, but no mutant: ${name}`);

  const order = (name) => hash(contracts, name);
  let chosen = [...mutants.values()].sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1));
  if (options.sample) {
    const of = (inTable, count) => chosen.filter(({ name }) => listed.has(name) === inTable).slice(0, count);
    chosen = [...of(true, SAMPLE_OF_TABLE), ...of(false, SAMPLE)];
  }
  if (options.only) chosen = chosen.filter(({ name }) => name.includes(options.only));
  if (options.list) {
    for (const { name, kind } of chosen) console.log(`${kind}: ${name}`);
    return;
  }

  // What was found before by the same tests is not run again, so that a run can go on after an interruption.
  const tests = readdirSync("test", { recursive: true }).filter((path) => /\.(sol|json)$/.test(path)).sort();
  const killers = "tools/mutants/killers.mjs";
  const suite = hashOfFiles("foundry.toml", "package-lock.json", killers, ...tests.map((path) => `test/${path}`));
  const results = new Map();
  if (existsSync(RESULTS) && !options.fresh) {
    for (const line of readFileSync(RESULTS, "utf8").split("\n").filter(Boolean)) {
      const result = JSON.parse(line);
      const current = result.suite === suite || (options["keep-kills"] && result.outcome !== "survived");
      if (result.contracts === contracts && current && mutants.has(result.name)) results.set(result.name, result);
    }
  }
  const unknown = chosen.filter(({ name }) => !results.has(name));
  // What must survive takes the longest: last, so that surprises come first.
  const left = [...unknown.filter(({ name }) => !listed.has(name)), ...unknown.filter(({ name }) => listed.has(name))];
  console.log(`mutants: ${mutants.size}, chosen ${chosen.length}, known from before ${chosen.length - left.length}`);

  const lanes = Number(options.lanes);
  if (left.length > 0) await checkControls(sources, lanes);
  let count = 0;
  await work(left, lanes, ({ name, kind, file }, { outcome, by, seconds }) => {
    const result = { name, kind, file, outcome, by, seconds, contracts, suite };
    results.set(name, result);
    appendFileSync(RESULTS, `${JSON.stringify(result)}\n`);
    count++;
    if (outcome === "survived" || count % 50 === 0) {
      const minutes = ((Date.now() - start) / 60_000).toFixed(1);
      console.log(`${count} of ${left.length}, ${minutes} min: ${outcome}${by ? ` by ${by}` : ""}: ${name}`);
    }
  });

  const counts = { killed: 0, identical: 0, invalid: 0, survived: 0 };
  for (const { name } of chosen) {
    const { outcome, by } = results.get(name);
    counts[outcome]++;
    if (outcome === "survived" && !listed.has(name)) problems.push(`survived, and is not in the table: ${name}`);
    if (outcome !== "survived" && listed.has(name)) problems.push(`in the table, but ${outcome} ${by ?? ""}: ${name}`);
  }
  console.log(
    `mutants: ${chosen.length}: ${counts.killed} killed, ${counts.identical} with the same bytes, ` +
      `${counts.survived} survived, ${counts.invalid} do not compile; ${((Date.now() - start) / 60_000).toFixed(1)} minutes`,
  );
  for (const problem of problems) console.error(problem);
  process.exit(problems.length > 0 ? 1 : 0);
}

await main();
