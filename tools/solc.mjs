#!/usr/bin/env node
// The solc that forge calls: the wasm build from npm behind the two modes forge uses, so that every platform compiles
// with the very same compiler and nothing is downloaded outside npm. Forge sends all sources within the standard JSON
// input, so flags about paths have nothing to do here.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const solc = createRequire(import.meta.url)("solc");
const flags = process.argv.slice(2);

if (flags.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (flags.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error(`solc.mjs: expected --version or --standard-json, got: ${flags.join(" ")}`);
  process.exitCode = 2;
}
