#!/usr/bin/env node
// Writes what forge built into the files that others read: the ABI and creation code for the Rust crate, the storage layout
// and the size of each contract for auditors, and addresses and code hashes for who verifies. With --check it compares
// instead, and fails on any drift.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { chainTable, deployments } from "./deployments.mjs";

// With its creation code, if the crate computes an address from it.
const CONTRACTS = { Chequebook: true, TokenChequebook: false, ChequebookFactory: true, ClearingHouse: true };
const STORED = ["Chequebook", "ChequebookClone", "TokenChequebook", "ChequebookFactory", "ClearingHouse"];

const artifact = (contract) => JSON.parse(readFileSync(`${process.env.FOUNDRY_OUT ?? "out"}/${contract}.sol/${contract}.json`, "utf8"));
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

// In bytes. The creation code is without the arguments of the constructor.
const bytes = ({ object }) => object.length / 2 - 1;
files["contracts/sizes.json"] = Object.fromEntries(
  STORED.map((contract) => {
    const { deployedBytecode, bytecode } = artifact(contract);
    return [contract, { code: bytes(deployedBytecode), creationCode: bytes(bytecode) }];
  }),
);

files["deployments.json"] = deployments(artifact, JSON.parse(readFileSync("deployments.json", "utf8")));
const MARK = "<!-- by `make bindings`, from deployments.json -->\n";
const [before, after] = readFileSync("docs/chains.md", "utf8").split(MARK);
const rest = after.slice(after.indexOf("\n\n")); // behind the table
files["docs/chains.md"] = before + MARK + chainTable(files["deployments.json"].chains) + rest;

for (const [path, content] of Object.entries(files)) {
  const text = typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not what the contracts and deployments.json say: run "make bindings" and commit it`);
    process.exitCode = 1;
  }
}
