#!/usr/bin/env node
// Writes the standard JSON input of each contract that stands on a chain into the folder that is named: for explorers and
// Sourcify, with only the sources that the contract needs.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keccak256 } from "viem";

const CONTRACTS = ["ChequebookFactory", "ChequebookClone", "TokenChequebook", "Chequebook", "ClearingHouse"];

/** The input that the metadata of a contract tells, which name its sources and settings. */
function standardJson({ language, settings, sources }) {
  const paths = Object.keys(sources);
  const read = (path) => {
    const content = readFileSync(path);
    if (keccak256(content) === sources[path].keccak256) return { content: content.toString() };
    throw new Error(`${path} is not what was compiled: run "forge build"`);
  };
  const { compilationTarget, remappings, ...rest } = settings;
  const used = (remapping) => paths.some((path) => path.startsWith(remapping.split("=")[1]));
  const outputSelection = { "*": { "*": ["abi", "metadata", "evm.bytecode", "evm.deployedBytecode"] } };
  return {
    language,
    sources: Object.fromEntries(paths.map((path) => [path, read(path)])),
    settings: { ...rest, remappings: remappings.filter(used), outputSelection },
  };
}

const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const contract of CONTRACTS) {
  const { metadata } = JSON.parse(readFileSync(`out/${contract}.sol/${contract}.json`, "utf8"));
  writeFileSync(join(folder, `${contract}.json`), `${JSON.stringify(standardJson(metadata), null, 2)}\n`);
}
