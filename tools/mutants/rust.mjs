#!/usr/bin/env node
// cargo-mutants over the thin crate, or with --wallet over the decisions of the wallet, in a copy of the workspace: first
// against the fast tests, and what these do not notice against the slower ones: the stories of test/e2e that use the thin
// crate, the troubles of the wallet. Each survivor must stand in survivors.json. See docs/mutants.md.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const COPY = "cache/mutants/rust";
const SHARDS = 16;

/** The decisions of the wallet: which files, and of a file that does more than decide, which functions. */
const DECISIONS = {
  "answer/refusal": [],
  "cashing/register": [],
  "chain/view": [],
  "payee/keeper": ["candidates", "leaves_little", "wants"],
  "payee/plan": [],
  "payee/policy": [],
  "payer/funds": [],
  "transactions/decide": [],
};

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const decisions = Object.entries(DECISIONS).map(([name, functions]) => {
  const file = `crates/wallet/src/${name}.rs`;
  const those = functions.length > 0 ? `.* (${functions.map(escaped).join("|")})( ->|$)` : "";
  return { file, pattern: `^${escaped(file)}:${those}` };
});

// What is mutated, and which tests run.
const SUBJECTS = {
  thin: {
    what: "of the thin crate",
    table: "rust",
    source: "rust-client/",
    out: "cache/mutants/rust-results",
    select: ["--package", "chequebook"],
    fast: ["--", "--tests"],
    fastOptions: ["--minimum-test-timeout=300"],
    // Stories that end within seconds. What cargo-mutants would run without a mutant is the package that it mutates only.
    slow: ["--test", "e2e", "--", "thin::", "proof::", "original::"],
    slowOptions: ["--test-package=chequebook-cli", "--timeout=120"],
    // Tries an eighth of the random cheques.
    env: { PROPTEST_CASES: "32" },
  },
  wallet: {
    what: "of the wallet's decisions",
    table: "wallet",
    source: "crates/wallet/",
    out: "cache/mutants/wallet-results",
    // Both: without its file, cargo-mutants lets some kinds of mutants pass any pattern.
    select: [
      "--package=chequebook-wallet",
      ...decisions.flatMap(({ file, pattern }) => ["--file", file, "--re", pattern]),
    ],
    fast: [],
    fastOptions: ["--cargo-arg=--lib", "--minimum-test-timeout=100"], // builds nothing else
    slow: ["--package=chequebook-wallet", "--test=trouble"],
    slowOptions: ["--cargo-arg=--test=trouble", "--timeout=400"],
    env: {},
  },
};

process.chdir(`${HERE}/../..`);
const subject = process.argv.includes("--wallet") ? SUBJECTS.wallet : SUBJECTS.thin;
const sample = process.argv.includes("--sample");
const fresh = process.argv.includes("--fresh") || sample;

const files = execFileSync("git", ["ls-files"], { encoding: "utf8" }).split("\n").filter(existsSync);
mkdirSync(COPY, { recursive: true });
for (const name of readdirSync(COPY)) if (name !== "target") rmSync(`${COPY}/${name}`, { recursive: true });
// Newer than whatever was built from a mutant before, so that cargo builds them again.
for (const file of files) if (lstatSync(file).isFile()) cpSync(file, `${COPY}/${file}`);
for (const link of ["out", "node_modules"]) symlinkSync(`${process.cwd()}/${link}`, `${COPY}/${link}`);
if (fresh) rmSync(subject.out, { recursive: true, force: true });

/** Without its line and column, which other changes move. Where that is not enough, a number follows. */
function names(text) {
  const times = new Map();
  return text.split("\n").filter(Boolean).map((line) => {
    const name = line.replace(/^(\S+\.rs):\d+:\d+:/, "$1:");
    times.set(name, (times.get(name) ?? 0) + 1);
    return times.get(name) === 1 ? name : `${name} #${times.get(name)}`;
  });
}

const mutants = (select, ...args) => ["mutants", "--dir", COPY, ...select, ...args];
const listing = ["cargo-mutants", ...mutants(subject.select, "--list")];
const list = execFileSync("tools/lint-tools.sh", listing, { encoding: "utf8" });
const named = names(list);
const numbered = new Map(list.split("\n").filter(Boolean).map((line, i) => [line, named[i]]));
if (subject === SUBJECTS.wallet) {
  const gone = decisions.filter(({ pattern }) => ![...numbered.keys()].some((name) => new RegExp(pattern).test(name)));
  if (gone.length > 0) throw new Error(`mutants: no decision is left in ${gone.map(({ file }) => file).join(", ")}`);
}

// Another part whenever the crate changes.
const crate = files.filter((file) => file.startsWith(subject.source)).map((file) => readFileSync(file));
const chosen = createHash("sha256").update(Buffer.concat(crate)).digest().readUInt32BE() % SHARDS;
const shard = sample ? ["--shard", `${chosen}/${SHARDS}`] : [];

// Links faster.
const env = { ...process.env, CARGO_PROFILE_DEV_DEBUG: "0", ...subject.env };
delete env.CARGO_TARGET_DIR;

/** What the tests do not notice, as cargo-mutants names it. */
function run(select, options, tests) {
  const how = ["--in-place", "--cargo-arg=--locked", "--output", subject.out, ...options];
  const command = ["cargo-mutants", ...mutants(select, ...how), ...tests];
  const { status } = spawnSync("tools/lint-tools.sh", command, { stdio: "inherit", env });
  if (![0, 2, 3].includes(status)) throw new Error(`mutants: cargo-mutants ended with ${status}`);
  return readFileSync(`${subject.out}/mutants.out/missed.txt`, "utf8").split("\n").filter(Boolean);
}

const start = Date.now();
let missed = run(subject.select, [...shard, "--iterate", ...subject.fastOptions], subject.fast);
if (missed.length > 0) {
  execFileSync("cargo", ["test", "--locked", ...subject.slow], { cwd: COPY, stdio: "inherit", env });
  const select = subject.select.filter((_, i, all) => all[i] !== "--re" && all[i - 1] !== "--re");
  select.push(...missed.flatMap((name) => ["--re", `^${escaped(name)}$`]));
  missed = run(select, [...subject.slowOptions, "--baseline=skip"], ["--", ...subject.slow]);
}
missed = missed.map((name) => numbered.get(name));

const table = JSON.parse(readFileSync(`${HERE}/survivors.json`, "utf8"))[subject.table];
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
console.log(`mutants: ${all.size} ${subject.what}${part}: ${missed.length} survived; ${minutes} minutes`);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
