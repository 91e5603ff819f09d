import assert from "node:assert/strict";
import { test } from "node:test";

import { anchors, deadLinks, missingNumbers, missingNames, unshown } from "./claims.mjs";

test("names that do not exist are found, in Solidity and in Rust", () => {
  const text = "`test_A` `testFuzz_B` `check_c` `test/e2e/a.rs::one` `test/e2e/a.rs::two` `sent`";
  const rust = (path, name) => path === "test/e2e/a.rs" && name === "one";
  assert.deepEqual(missingNames(text, new Set(["test_A"]), rust), ["testFuzz_B", "check_c", "test/e2e/a.rs::two"]);
});

test("a row must show something, or say who carries it", () => {
  const table = [
    "| threat | shown by |",
    "|---|---|",
    "| one | `test_A` |",
    "| two | `a/b.rs::c` |",
    "| three | **you carry this** |",
    "| four | a promise |",
    "",
    "| other | table |",
    "|---|---|",
    "| five | nothing |",
  ];
  assert.deepEqual(unshown(table.join("\n")), ["four"]);
});

test("an invariant that is not stated, or that nothing shows, is found", () => {
  const text = "| CB1 | x |\n| CB3 | y |\n| CB1 | `test_A` |\n| CB3 | a promise |";
  assert.deepEqual(missingNumbers(text, "CB", 3), ["CB2", "CB3"]);
});

test("anchors are those of GitHub", () => {
  assert.deepEqual([...anchors("# The end, before & after\n```\n# no title\n```\n## `cash`")], ["the-end-before--after", "cash"]);
});

test("links to files and to titles are followed", () => {
  const files = { "docs/a.md": "# One", "README.md": "" };
  const text = "[a](b.md) [b](../README.md) [c](a.md#one) [d](a.md#two) [e](https://x.org) [f](#one)";
  assert.deepEqual(deadLinks("docs/a.md", text, (path) => (path === "docs/a.md" ? "# One" : files[path])), ["b.md", "a.md#two"]);
});
