#!/usr/bin/env node
// Assembles the npm package in target/npm from npm/, the sources and the committed ABIs, and packs it into target.
// Prints the path of the tarball.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TARGET = "target/npm";
const ABIS = ["Chequebook", "TokenChequebook", "ChequebookFactory", "ClearingHouse"];

const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const lower = (name) => name[0].toLowerCase() + name.slice(1);

/** The type of exactly this value. */
export function literal(value) {
  if (Array.isArray(value)) return `readonly [${value.map(literal).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `readonly ${JSON.stringify(key)}: ${literal(member)}`);
  return `{ ${members.join("; ")} }`;
}

/** A module with these constants, and its types. */
function module(constants) {
  const entries = Object.entries(constants);
  return {
    js: entries.map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`).join(""),
    types: entries.map(([name, value]) => `export declare const ${name}: ${literal(value)};\n`).join(""),
  };
}

/* WHAT IT EXPORTS */

const HELPERS_JS = `
/** The forms of a chequebook, as the factory numbers them. */
export const Form = { Direct: 1, Clone: 2, Token: 3 };

/** The typed data (EIP-712) of a cheque, for signTypedData of viem and of ethers. */
export function chequeTypedData({ chainId, chequebook, beneficiary, amount }) {
  return {
    domain: { name: "Chequebook", version: "1", chainId, verifyingContract: chequebook },
    types: {
      Cheque: [
        { name: "beneficiary", type: "address" },
        { name: "amount", type: "uint256" },
      ],
    },
    primaryType: "Cheque",
    message: { beneficiary, amount },
  };
}
`;

const HELPERS_TYPES = `
type Address = \`0x\${string}\`;

/** The forms of a chequebook, as the factory numbers them. */
export declare const Form: { readonly Direct: 1; readonly Clone: 2; readonly Token: 3 };

/** What a cheque promises. */
export interface Cheque {
  /** The chain on which the chequebook is, or will be, created. */
  chainId: number;
  chequebook: Address;
  beneficiary: Address;
  /** The cumulative amount, in wei or in the smallest unit of the token. */
  amount: bigint;
}

/** The typed data (EIP-712) of a cheque, for signTypedData of viem and of ethers. */
export declare function chequeTypedData(cheque: Cheque): {
  domain: { name: "Chequebook"; version: "1"; chainId: number; verifyingContract: Address };
  types: { Cheque: [{ name: "beneficiary"; type: "address" }, { name: "amount"; type: "uint256" }] };
  primaryType: "Cheque";
  message: { beneficiary: Address; amount: bigint };
};
`;

/* ASSEMBLY */

/** Fails if two files that must agree do not. */
function agree(what, found, expected) {
  if (found !== expected) throw new Error(`npm/package.json has the ${what} ${found}, expected ${expected}`);
}

export function assemble() {
  const own = json("npm/package.json");
  const workspace = /^\[workspace\.package\]\nversion = "(.*)"/m.exec(readFileSync("Cargo.toml", "utf8"))?.[1];
  agree("version", own.version, workspace);
  const openzeppelin = "@openzeppelin/contracts";
  agree(openzeppelin, own.dependencies[openzeppelin], json("package.json").devDependencies[openzeppelin]);

  rmSync(TARGET, { recursive: true, force: true });
  mkdirSync(`${TARGET}/abi`, { recursive: true });
  for (const file of ["package.json", "README.md"]) cpSync(`npm/${file}`, `${TARGET}/${file}`);
  for (const file of ["LICENSE-APACHE", "LICENSE-MIT", "deployments.json"]) cpSync(file, `${TARGET}/${file}`);
  cpSync("contracts", `${TARGET}/contracts`, { recursive: true });

  const abis = Object.fromEntries(ABIS.map((name) => [name, json(`rust-client/abi/${name}.json`)]));
  for (const [name, { abi }] of Object.entries(abis)) {
    writeFileSync(`${TARGET}/abi/${name}.json`, `${JSON.stringify(abi, null, 2)}\n`);
  }
  const { deploymentProxy, contracts } = json("deployments.json");
  const index = module({
    ...Object.fromEntries(ABIS.map((name) => [`${lower(name)}Abi`, abis[name].abi])),
    addresses: {
      ...Object.fromEntries(Object.entries(contracts).map(([name, { address }]) => [lower(name), address])),
      deploymentProxy: deploymentProxy.address,
      salt: deploymentProxy.salt,
      zero: `0x${"0".repeat(40)}`,
    },
  });
  writeFileSync(`${TARGET}/index.js`, index.js + HELPERS_JS);
  writeFileSync(`${TARGET}/index.d.ts`, index.types + HELPERS_TYPES);
  const code = (name) => abis[name].bytecode;
  const bytecode = module({
    chequebookFactoryCreationCode: code("ChequebookFactory"),
    clearingHouseCreationCode: code("ClearingHouse"),
  });
  writeFileSync(`${TARGET}/bytecode.js`, bytecode.js);
  writeFileSync(`${TARGET}/bytecode.d.ts`, bytecode.types);
}

/** Assembles and packs. Returns the path of the tarball, and the files in it. */
export function pack() {
  assemble();
  const output = execFileSync("npm", ["pack", "--json", "--pack-destination", "target", `./${TARGET}`], { encoding: "utf8" });
  const [{ filename, files }] = JSON.parse(output);
  return { tarball: `target/${filename}`, files: files.map(({ path }) => path).sort() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(pack().tarball);
