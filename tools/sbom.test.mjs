import assert from "node:assert/strict";
import { test } from "node:test";

import { cleaned, only } from "./sbom.mjs";

const component = (name) => ({ "bom-ref": name, name, version: "1.0.0", purl: `pkg:cargo/${name}@1.0.0` });
const bom = {
  bomFormat: "CycloneDX",
  serialNumber: "urn:uuid:1",
  metadata: { timestamp: "now", component: { "bom-ref": "root", name: "ours" } },
  components: [component("a"), component("b")],
  dependencies: [{ ref: "root", dependsOn: ["a", "b"] }, { ref: "a" }, { ref: "b", dependsOn: ["a"] }],
};

test("only what a user compiles is left, also in the graph", () => {
  const { components, dependencies } = only(bom, new Set(["a v1.0.0"]));
  assert.deepEqual(components.map(({ name }) => name), ["a"]);
  assert.deepEqual(dependencies, [{ ref: "root", dependsOn: ["a"] }, { ref: "a", dependsOn: [] }]);
});

test("a document has no time and no random number, and is of the package that it should be", () => {
  const clean = JSON.parse(cleaned(JSON.stringify(bom), "ours"));
  assert.equal(clean.serialNumber, undefined);
  assert.deepEqual(clean.metadata, { component: { "bom-ref": "root", name: "ours" } });
  assert.throws(() => cleaned(JSON.stringify(bom), "theirs"), /of theirs, found CycloneDX of ours/);
  assert.throws(() => cleaned(JSON.stringify({ ...bom, components: [] }), "ours"), /no components/);
  assert.throws(() => cleaned(JSON.stringify({ ...bom, components: [{ name: "x" }] }), "ours"), /without purl or version/);
});
