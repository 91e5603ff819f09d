#!/usr/bin/env node
// Writes what forge built into the files that the Rust crate is generated from; with --check it compares instead,
// and fails on any drift. Immutables are named, so that the crate can tell where a deployment keeps which value.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const CONTRACTS = ["Chequebook", "ChequebookFactory", "ClearingHouse"];

/** The names of all variables by their AST id: solc lists immutables by id only. */
function variableNames() {
  const names = new Map();
  const visit = (node) => {
    if (node?.nodeType === "VariableDeclaration") names.set(String(node.id), node.name.replace(/^_/, ""));
    if (node && typeof node === "object") Object.values(node).forEach(visit);
  };
  for (const source of readdirSync("contracts").filter((name) => name.endsWith(".sol"))) {
    visit(artifact(source.replace(".sol", "")).ast);
  }
  return names;
}

function artifact(name) {
  return JSON.parse(readFileSync(`out/${name}.sol/${name}.json`, "utf8"));
}

const names = variableNames();
let drifted = false;
for (const contract of CONTRACTS) {
  const { abi, bytecode, deployedBytecode } = artifact(contract);
  const immutables = Object.entries(deployedBytecode.immutableReferences ?? {}).map(([id, places]) => [names.get(id), places]);
  const unnamed = immutables.some(([name]) => name === undefined);
  if (unnamed) throw new Error(`${contract}: an immutable without a name; build with "ast = true" in foundry.toml`);
  const content = {
    abi,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
    immutableReferences: Object.fromEntries(immutables.sort(([a], [b]) => a.localeCompare(b))),
  };

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
