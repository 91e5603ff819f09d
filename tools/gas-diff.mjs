#!/usr/bin/env node
// Prints, as a table in Markdown, which measured gas and which sizes of contracts differ between two revisions of git:
// tools/gas-diff.mjs BASE [HEAD]. Without HEAD it takes the files as they stand here.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const FILES = { "gas/measured.json": "", "contracts/sizes.json": "bytes of " };
const git = (...args) => execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The text of a file; an empty object if the revision does not have it. */
function text(revision, path) {
  if (revision === undefined) return existsSync(path) ? readFileSync(path, "utf8") : "{}";
  return git("ls-tree", "--name-only", revision, "--", path) ? git("show", `${revision}:./${path}`) : "{}";
}

/** The numbers in an object by their names; those of an object within it have both names. */
const numbers = (object, prefix) =>
  Object.entries(object).flatMap(([name, value]) =>
    typeof value === "number" ? [[prefix + name, value]] : numbers(value, `${prefix}${name}: `),
  );

/** All numbers of a revision. */
const read = (revision) =>
  new Map(Object.entries(FILES).flatMap(([path, prefix]) => numbers(JSON.parse(text(revision, path)), prefix)));

const show = (value) => value?.toLocaleString("en") ?? "-";

function change(before, after) {
  if (before === undefined || after === undefined) return "-";
  const sign = after > before ? "+" : "";
  return `${sign}${show(after - before)} (${sign}${((100 * (after - before)) / before).toFixed(2)} %)`;
}

const [base, head] = process.argv.slice(2);
const revisions = head === undefined ? [base] : [base, head];
try {
  // What begins with a dash is no option.
  revisions.forEach((each) => git("rev-parse", "--verify", "--quiet", "--end-of-options", `${each}^{commit}`));
} catch {
  console.error(`gas-diff: expected one or two revisions of this repository, got: ${process.argv.slice(2).join(" ")}`);
  process.exit(2);
}

const [before, after] = [read(base), read(head)];
const changed = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
const rows = changed.map((name) => [name, before.get(name), after.get(name)]);
console.log(`Gas and sizes, from ${base} to ${head ?? "the files here"}: ${changed.length} differ.`);
if (rows.length > 0) console.log("\n| | before | after | change |\n|---|---:|---:|---:|");
for (const [name, a, b] of rows) console.log(`| ${name} | ${show(a)} | ${show(b)} | ${change(a, b)} |`);
