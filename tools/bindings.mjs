#!/usr/bin/env node
// Writes what forge built into the files that others read: the ABI and creation code for the Rust crate, and the storage
// layout of each form for auditors. With --check it compares instead, and fails on any drift.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

// With its creation code, if the crate computes an address from it.
const CONTRACTS = { Chequebook: true, TokenChequebook: false, ChequebookFactory: true, ClearingHouse: true };
const STORED = ["Chequebook", "ChequebookClone", "TokenChequebook", "ChequebookFactory", "ClearingHouse"];

const artifact = (contract) => JSON.parse(readFileSync(`out/${contract}.sol/${contract}.json`, "utf8"));
const files = {};

for (const [contract, created] of Object.entries(CONTRACTS)) {
  const { abi, bytecode } = artifact(contract);
  files[`rust-client/abi/${contract}.json`] = created ? { abi, bytecode: bytecode.object } : { abi };
}

// The compiler's names of types contain ids that change with unrelated sources, so the types are shown by their labels.
files["contracts/storage.json"] = Object.fromEntries(
  STORED.map((contract) => {
    const { storage, types } = artifact(contract).storageLayout;
    const variable = ({ label, slot, offset, type }) => ({ label, slot, offset, type: types[type].label });
    const members = (type) => (types[type]?.value ? members(types[type].value) : types[type]?.members?.map(variable));
    return [contract, storage.map((entry) => ({ ...variable(entry), members: members(entry.type) }))];
  }),
);

for (const [path, content] of Object.entries(files)) {
  const text = `${JSON.stringify(content, null, 2)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not what the contracts compile to: run "make bindings" and commit it`);
    process.exitCode = 1;
  }
}
