// The contracts alone, compiled within this process with the settings of foundry.toml: the same bytes as by forge, in
// two and a half seconds instead of the minutes that the tests would add.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";

const BYTES = ["evm.bytecode.object", "evm.deployedBytecode.object"];
const HOUSE = "contracts/ClearingHouse.sol";
const FACTORY = "contracts/ChequebookFactory.sol";
const DIRECT = "contracts/Chequebook.sol";

let solc; // loaded late: it takes a third of a second, and only lanes need it
let settings;

/** Which bytes that tests take from an artifact follow from a file. The factory contains both kinds of clone. */
export const affectedBy = (file) => (file === HOUSE ? [HOUSE] : [FACTORY, DIRECT]);

export const nameOf = (file) => file.match(/(\w+)\.sol$/)[1];

/** As text with one character for each byte, because solc counts bytes. */
export const readSources = () =>
  new Map(
    readdirSync("contracts", { recursive: true })
      .filter((path) => path.endsWith(".sol"))
      .sort()
      .map((path) => [`contracts/${path}`, readFileSync(`contracts/${path}`, "latin1")]),
  );

function compile(sources, outputSelection) {
  solc ??= createRequire(import.meta.url)("solc");
  if (!settings) {
    const config = JSON.parse(execFileSync("forge", ["config", "--json"], { encoding: "utf8" }));
    settings = {
      viaIR: config.via_ir,
      evmVersion: config.evm_version,
      optimizer: { enabled: config.optimizer, runs: config.optimizer_runs },
      metadata: { bytecodeHash: config.bytecode_hash, appendCBOR: config.cbor_metadata },
      remappings: config.remappings,
    };
  }
  const input = { language: "Solidity", settings: { ...settings, outputSelection }, sources: {} };
  for (const [file, text] of sources) input.sources[file] = { content: Buffer.from(text, "latin1").toString() };
  const find = (path) => (existsSync(path) ? { contents: readFileSync(path, "utf8") } : { error: "not found" });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const error = output.errors?.find(({ severity }) => severity === "error");
  return { output, error: error?.formattedMessage };
}

/** The syntax trees by file. */
export function parse(sources) {
  const { output, error } = compile(sources, { "*": { "": ["ast"] } });
  if (error) throw new Error(error);
  return new Map([...sources.keys()].map((file) => [file, output.sources[file].ast]));
}

/** The bytes of some files by file, each creation code and deployed code; or nothing, if it does not compile. */
export function bytesOf(sources, files) {
  const selection = Object.fromEntries(files.map((file) => [file, { [nameOf(file)]: BYTES }]));
  const { output, error } = compile(sources, selection);
  if (error) return undefined;
  return new Map(
    files.map((file) => {
      const { bytecode, deployedBytecode } = output.contracts[file][nameOf(file)].evm;
      return [file, [`0x${bytecode.object}`, `0x${deployedBytecode.object}`]];
    }),
  );
}
