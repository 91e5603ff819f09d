#!/usr/bin/env node
// Checks what the documents claim to be shown: every test, proof and story that they name exists, every row of a table
// with the column "shown by" names one or says who carries the risk, the invariants are all there, and every link leads
// somewhere. A name is `test_…`, `testFuzz_…`, `invariant_…` or `check_…` of test/, or `path/file.rs::function`.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CARRIED = "you carry this";
const SOLIDITY = /`((?:test|testFuzz|invariant|check)_\w+)`/g;
const RUST = /`([\w./-]+\.rs)::(\w+)`/g;
const LINK = /\]\(([^)\s]+)\)/g;

/** The names in a text that do not exist, where `solidity` holds those of test/, and `rust(path, name)` asks for one. */
export function missingNames(text, solidity, rust) {
  const missing = [...text.matchAll(SOLIDITY)].map(([, name]) => name).filter((name) => !solidity.has(name));
  for (const [, path, name] of text.matchAll(RUST)) if (!rust(path, name)) missing.push(`${path}::${name}`);
  return missing;
}

/** The rows of tables with the column "shown by" that show nothing. */
export function unshown(text) {
  const rows = [];
  let column = -1;
  for (const line of text.split("\n")) {
    const cells = line.trimStart().startsWith("|") ? line.split("|").slice(1, -1).map((cell) => cell.trim()) : [];
    if (cells.length === 0) column = -1;
    else if (cells.includes("shown by")) column = cells.indexOf("shown by");
    else if (column >= 0 && !/^:?-+:?$/.test(cells[0])) {
      const shown = cells[column] ?? "";
      if (!shown.match(SOLIDITY) && !shown.match(RUST) && !shown.includes(CARRIED)) rows.push(cells[0]);
    }
  }
  return rows;
}

/** The numbers from 1 to `last`, after `letters`, without a row that states them, and without one that names what shows them. */
export function missingNumbers(text, letters, last) {
  const rows = text.split("\n").filter((line) => line.startsWith(`| ${letters}`));
  const all = Array.from({ length: last }, (_, index) => `${letters}${index + 1}`);
  return all.filter((number) => {
    const own = rows.filter((row) => row.startsWith(`| ${number} |`));
    return own.length < 2 || !own.some((row) => row.match(SOLIDITY) || row.match(RUST));
  });
}

/** The anchors of a Markdown text, as GitHub makes them. */
export function anchors(text) {
  const titles = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, title]) => title);
  return new Set(titles.map((title) => title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")));
}

/** The relative links of a Markdown file that lead nowhere, where `read(path)` is the text of a file, or nothing. */
export function deadLinks(path, text, read) {
  return [...text.matchAll(LINK)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file, anchor] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      const found = read(target);
      return found === undefined || (anchor !== undefined && target.endsWith(".md") && !anchors(found).has(anchor));
    });
}

function main() {
  const tracked = execFileSync("git", ["ls-files"], { encoding: "utf8" }).split("\n");
  const read = (path) => (!existsSync(path) ? undefined : statSync(path).isDirectory() ? "" : readFileSync(path, "utf8"));
  const solidity = new Set(
    tracked
      .filter((path) => /^test\/.*\.sol$/.test(path))
      .flatMap((path) => [...(read(path) ?? "").matchAll(/function (\w+)\(/g)].map(([, name]) => name)),
  );
  const rust = (path, name) => new RegExp(`fn ${name}\\(`).test(read(path) ?? "");
  const faults = [];
  for (const path of tracked.filter((each) => each.endsWith(".md") && existsSync(each))) {
    const text = read(path);
    faults.push(...missingNames(text, solidity, rust).map((name) => `${path}: there is no ${name}`));
    faults.push(...unshown(text).map((row) => `${path}: nothing shows "${row}", and it does not say "${CARRIED}"`));
    faults.push(...deadLinks(path, text, read).map((link) => `${path}: the link ${link} leads nowhere`));
  }
  for (const [path, letters, last] of [["test/invariant/README.md", "CB", 11], ["docs/wallet.md", "W", 5]]) {
    const missing = missingNumbers(read(path), letters, last);
    faults.push(...missing.map((number) => `${path}: ${number} is not stated, or nothing shows it`));
  }
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
