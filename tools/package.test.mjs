import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { literal, pack } from "./package.mjs";

test("a literal type is exactly its value", () => {
  assert.equal(literal([{ a: "b", c: [1, true, null] }]), 'readonly [{ readonly "a": "b"; readonly "c": readonly [1, true, null] }]');
});

test("the package has the sources, what is made of them, and nothing else", () => {
  const sources = readdirSync("contracts", { recursive: true }).filter((path) => path.endsWith(".sol"));
  const expected = [
    ...sources.map((path) => `contracts/${path}`),
    ...["Chequebook", "ChequebookFactory", "ClearingHouse", "TokenChequebook"].map((name) => `abi/${name}.json`),
    ...["bytecode.d.ts", "bytecode.js", "deployments.json", "index.d.ts", "index.js"],
    ...["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"],
  ];
  assert.deepEqual(pack().files, expected.sort());
});
