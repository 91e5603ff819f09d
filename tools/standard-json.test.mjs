// Each standard JSON input alone, without this tree, gives solc the bytes that forge built.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");

const folder = mkdtempSync(join(tmpdir(), "standard-json-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
execFileSync(process.execPath, [fileURLToPath(new URL("standard-json.mjs", import.meta.url)), folder]);
const inputs = readdirSync(folder).map((file) => [file.replace(".json", ""), readFileSync(join(folder, file), "utf8")]);

/** What solc makes of an input. Without a callback it finds no import but those within the input. */
function compile(text) {
  const { contracts, errors = [] } = JSON.parse(solc.compile(text));
  return { contracts, errors: errors.filter(({ severity }) => severity === "error") };
}

test("there is an input for each contract that stands on a chain", () => {
  const names = ["Chequebook", "ChequebookClone", "ChequebookFactory", "ClearingHouse", "TokenChequebook"];
  assert.deepEqual(inputs.map(([name]) => name).sort(), names);
});

for (const [name, text] of inputs) {
  test(`the standard JSON input of ${name} rebuilds its bytes`, () => {
    const { contracts, errors } = compile(text);
    assert.deepEqual(errors, []);
    const { bytecode, deployedBytecode } = contracts[`contracts/${name}.sol`][name].evm;
    const built = JSON.parse(readFileSync(`out/${name}.sol/${name}.json`, "utf8"));
    assert.equal(`0x${bytecode.object}`, built.bytecode.object);
    assert.equal(`0x${deployedBytecode.object}`, built.deployedBytecode.object);
  });

  test(`the standard JSON input of ${name} has only sources that it needs`, () => {
    const input = JSON.parse(text);
    for (const path of Object.keys(input.sources).filter((path) => path !== `contracts/${name}.sol`)) {
      const { [path]: _, ...sources } = input.sources;
      assert.notDeepEqual(compile(JSON.stringify({ ...input, sources })).errors, [], `${path} is not needed`);
    }
  });
}
