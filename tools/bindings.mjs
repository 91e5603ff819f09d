#!/usr/bin/env node
// Writes what forge built into the files that the Rust crate is generated from; with --check it compares instead,
// and fails on any drift.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

// With its creation code, if the crate computes an address from it.
const CONTRACTS = { Chequebook: true, TokenChequebook: false, ChequebookFactory: true, ClearingHouse: true };

let drifted = false;
for (const [contract, created] of Object.entries(CONTRACTS)) {
  const { abi, bytecode } = JSON.parse(readFileSync(`out/${contract}.sol/${contract}.json`, "utf8"));
  const content = created ? { abi, bytecode: bytecode.object } : { abi };

  const path = `rust-client/abi/${contract}.json`;
  const text = `${JSON.stringify(content, null, 2)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not what the contracts compile to: run "make bindings" and commit it`);
    drifted = true;
  }
}
process.exitCode = drifted ? 1 : 0;
