// Tests of gas-diff.mjs, in a repository made for them.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("gas-diff.mjs", import.meta.url));

const cwd = mkdtempSync(join(tmpdir(), "gas-diff-"));
process.on("exit", () => rmSync(cwd, { recursive: true }));
const git = (...args) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd });
const write = (path, content) => writeFileSync(join(cwd, path), JSON.stringify(content));
const diff = (...args) => spawnSync(process.execPath, [SCRIPT, ...args], { cwd, encoding: "utf8" });

mkdirSync(join(cwd, "gas"));
mkdirSync(join(cwd, "contracts"));
git("init", "--quiet");
write("gas/measured.json", { kept: 7, cash: 50_000, gone: 1_234 });
git("add", ".");
git("commit", "--quiet", "--message", "before the sizes");
write("gas/measured.json", { kept: 7, cash: 49_000, fresh: 21_000 });
write("contracts/sizes.json", { Chequebook: { code: 2_400 } });
git("add", ".");
git("commit", "--quiet", "--message", "with the sizes");

test("shows what changed, what is new and what is gone, between two revisions", () => {
  const { status, stdout } = diff("HEAD~1", "HEAD");
  assert.equal(status, 0);
  assert.deepEqual(stdout.split("\n").slice(0, -1), [
    "Gas and sizes, from HEAD~1 to HEAD: 4 differ.",
    "",
    "| | before | after | change |",
    "|---|---:|---:|---:|",
    "| cash | 50,000 | 49,000 | -1,000 (-2.00 %) |",
    "| gone | 1,234 | - | - |",
    "| fresh | - | 21,000 | - |",
    "| bytes of Chequebook: code | - | 2,400 | - |",
  ]);
});

test("compares with the files as they stand, if there is one revision", () => {
  assert.equal(diff("HEAD").stdout, "Gas and sizes, from HEAD to the files here: 0 differ.\n");
  write("contracts/sizes.json", { Chequebook: { code: 2_412 } });
  assert.match(diff("HEAD").stdout, /\| bytes of Chequebook: code \| 2,400 \| 2,412 \| \+12 \(\+0\.50 %\) \|/);
});

test("refuses what is no revision", () => {
  for (const args of [[], ["nope"], ["HEAD", "nope"], ["--all"]]) {
    const { status, stdout, stderr } = diff(...args);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.equal(stderr, `gas-diff: expected one or two revisions of this repository, got: ${args.join(" ")}\n`);
  }
});
