#!/usr/bin/env node
// cargo-mutants over the thin crate, in a copy of the workspace: first against the tests of the crate, and what these do
// not notice against the stories of test/e2e that use it. Each survivor must stand in survivors.json. See docs/mutants.md.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const COPY = "cache/mutants/rust";
const OUT = "cache/mutants/rust-results";
const SHARDS = 16;

process.chdir(`${HERE}/../..`);
const sample = process.argv.includes("--sample");
const fresh = process.argv.includes("--fresh") || sample;

const files = execFileSync("git", ["ls-files"], { encoding: "utf8" }).split("\n").filter(existsSync);
mkdirSync(COPY, { recursive: true });
for (const name of readdirSync(COPY)) if (name !== "target") rmSync(`${COPY}/${name}`, { recursive: true });
for (const file of files) if (lstatSync(file).isFile()) cpSync(file, `${COPY}/${file}`, { preserveTimestamps: true });
for (const link of ["out", "node_modules"]) symlinkSync(`${process.cwd()}/${link}`, `${COPY}/${link}`);
if (fresh) rmSync(OUT, { recursive: true, force: true });

/** Without its line and column, which other changes move. Where that is not enough, a number follows. */
function names(text) {
  const times = new Map();
  return text.split("\n").filter(Boolean).map((line) => {
    const name = line.replace(/^(\S+\.rs):\d+:\d+:/, "$1:");
    times.set(name, (times.get(name) ?? 0) + 1);
    return times.get(name) === 1 ? name : `${name} #${times.get(name)}`;
  });
}

const mutants = (...args) => ["mutants", "--dir", COPY, "--package", "chequebook", ...args];
const list = execFileSync("tools/lint-tools.sh", ["cargo-mutants", ...mutants("--list")], { encoding: "utf8" });
const numbered = new Map(list.split("\n").filter(Boolean).map((line, i) => [line, names(list)[i]]));

// Another part whenever the crate changes.
const crate = files.filter((file) => file.startsWith("rust-client/")).map((file) => readFileSync(file));
const chosen = createHash("sha256").update(Buffer.concat(crate)).digest().readUInt32BE() % SHARDS;
const shard = sample ? ["--shard", `${chosen}/${SHARDS}`] : [];

// Links faster, and tries an eighth of the random cheques.
const env = { ...process.env, CARGO_PROFILE_DEV_DEBUG: "0", PROPTEST_CASES: "32" };
delete env.CARGO_TARGET_DIR;

/** What the tests do not notice, as cargo-mutants names it. */
function run(args, tests) {
  const how = ["--in-place", "--cargo-arg=--locked", "--output", OUT, ...args];
  const command = ["cargo-mutants", ...mutants(...how), "--", ...tests];
  const { status } = spawnSync("tools/lint-tools.sh", command, { stdio: "inherit", env });
  if (![0, 2, 3].includes(status)) throw new Error(`mutants: cargo-mutants ended with ${status}`);
  return readFileSync(`${OUT}/mutants.out/missed.txt`, "utf8").split("\n").filter(Boolean);
}

const start = Date.now();
let missed = run([...shard, "--iterate", "--minimum-test-timeout=300"], ["--tests"]);
if (missed.length > 0) {
  // Stories that end within seconds. What cargo-mutants would run without a mutant is the package that it mutates only.
  const stories = ["--test", "e2e", "--", "thin::", "proof::"];
  execFileSync("cargo", ["test", "--locked", ...stories], { cwd: COPY, stdio: "inherit", env });
  const those = missed.flatMap((name) => ["--re", `^${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`]);
  missed = run([...those, "--test-package=chequebook-cli", "--baseline=skip", "--timeout=120"], stories);
}
missed = missed.map((name) => numbered.get(name));

const table = JSON.parse(readFileSync(`${HERE}/survivors.json`, "utf8")).rust;
const listed = table.flatMap((row) => row.mutants);
const all = new Set(numbered.values());
const problems = [
  ...missed.filter((name) => !listed.includes(name)).map((name) => `survived, and is not in the table: ${name}`),
  ...listed.filter((name) => !all.has(name)).map((name) => `in the table, but no mutant: ${name}`),
];
if (!sample) {
  const noticed = listed.filter((name) => all.has(name) && !missed.includes(name));
  problems.push(...noticed.map((name) => `in the table, but noticed: ${name}`));
}
const part = sample ? `, of which one in ${SHARDS} was tried` : "";
const minutes = ((Date.now() - start) / 60_000).toFixed(1);
console.log(`mutants: ${all.size} of the thin crate${part}: ${missed.length} survived; ${minutes} minutes`);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
