// Tests of imports.mjs, on small crates made for them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("imports.mjs", import.meta.url));

/** What the script says of a crate with these files below src. */
function check(files, ...flags) {
  const directory = mkdtempSync(join(tmpdir(), "imports-"));
  try {
    writeFileSync(join(directory, "Cargo.toml"), '[package]\nname = "small"\nedition = "2024"\n\n[workspace]\n');
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, "src", name)), { recursive: true });
      writeFileSync(join(directory, "src", name), text);
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...flags], { cwd: directory, encoding: "utf8" });
    return { status, stdout, stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Passes if the crate has no circle, and these lines in its graph. */
function passes(files, ...lines) {
  const { status, stdout, stderr } = check(files);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  for (const line of lines) assert.ok(stdout.split("\n").includes(`  ${line}`), `expected "${line}" in\n${stdout}`);
}

/** Passes if the script fails, and names this circle. */
function fails(files, circle, ...flags) {
  const { status, stderr } = check(files, ...flags);
  assert.equal(status, 1);
  assert.ok(stderr.includes(circle), `expected "${circle}" in\n${stderr}`);
}

test("a clean crate passes, and shows its layers", () => {
  passes(
    { "lib.rs": "mod a; mod b; mod c;", "a.rs": "use crate::b::B;", "b.rs": "use crate::c::C; pub struct B;", "c.rs": "pub struct C;" },
    "1  c",
    "2  b → c",
    "3  a → b",
    "4  lib → a, b, c",
  );
});

test("a circle is found, with the places of its imports", () => {
  fails(
    { "lib.rs": "mod a; mod b;", "a.rs": "\nuse crate::b::B;", "b.rs": "use super::a::A;" },
    "a → b → a (src/a.rs:2, src/b.rs:1)",
  );
});

test("a circle through a third module is found", () => {
  fails(
    { "lib.rs": "mod a; mod b; mod c;", "a.rs": "use crate::b::B;", "b.rs": "use crate::c::C;", "c.rs": "fn f() { crate::a::f() }" },
    "a → b → c → a",
  );
});

test("a nested use is seen, whatever its form", () => {
  passes(
    {
      "lib.rs": "mod a; mod b; mod c; mod d; mod e;",
      "a.rs": "use crate::{b::{self, B as Other}, c::{d::{D, E}, *}, e::f};\npub(crate) fn f() { use super::d; }",
      "b.rs": "",
      "c.rs": "",
      "d.rs": "",
      "e.rs": "",
    },
    "2  a → b, c, d, e",
  );
});

test("a path without use is seen", () => {
  passes({ "lib.rs": "mod a; mod b;", "a.rs": "fn f(x: &'static [crate::b::B]) {}", "b.rs": "" }, "2  a → b");
});

test("an item that lib.rs passes on is of the module that defines it", () => {
  const files = { "lib.rs": "mod a; mod b;\npub use b::{Inner as Outer};", "a.rs": "use crate::Outer;", "b.rs": "pub use self::c::Inner; mod c;" };
  passes({ ...files, "b/c.rs": "pub struct Inner;" }, "2  a → b");
  fails({ ...files, "b/c.rs": "use crate::a::A; pub struct Inner;" }, "a → b → a (src/a.rs:1, src/b/c.rs:1)");
});

test("an item that lib.rs defines must not be imported", () => {
  fails({ "lib.rs": "mod a; pub struct Root;", "a.rs": "use crate::Root;" }, "lib → a → lib (mod a, src/a.rs:1)");
});

test("a circle within a module is found", () => {
  fails({ "lib.rs": "mod a;", "a/mod.rs": "mod b; mod c;", "a/b.rs": "use super::c::C;", "a/c.rs": "use crate::a::b::B;" }, "b → c → b");
});

test("a module and its own children may import each other, unless it is strict", () => {
  const files = { "lib.rs": "mod a;", "a.rs": "mod b; pub use self::b::B; pub struct A;", "a/b.rs": "use super::A;" };
  passes(files, "1  a", "2  b → a");
  fails(files, "a → b → a (mod b, src/a/b.rs:1)", "--strict");
});

test("a module within a file is a module", () => {
  fails({ "lib.rs": "mod a { use super::b::B; pub fn f() {} }\nmod b { fn f() { crate::a::f() } }" }, "a → b → a");
});

test("comments, strings and characters do not count", () => {
  const text = `
    //! [A](crate::a::A)
    /* use crate::a; /* nested */ use crate::a; */
    const S: (&str, &str, char) = ("use crate::a; \\" crate::a::f()", r#"" crate::a::f() "#, '"'); // crate::a
    fn f<'a>(x: &'a str) -> char { '\\'' }
    use crate::c::C;`;
  passes({ "lib.rs": "mod a; mod b; mod c;", "a.rs": "use crate::b::B;", "b.rs": text, "c.rs": "" }, "2  b → c", "3  a → b");
});

test("what is compiled for tests alone does not count", () => {
  const text = `
    pub struct B;
    #[cfg(test)]
    use crate::a::{A, C};
    #[cfg(test)]
    #[allow(dead_code)]
    impl B { fn f() { crate::a::f() } }
    #[cfg(test)]
    mod tests;
    #[cfg(all(test, feature = "x"))]
    mod more { use crate::a::A; }
    #[cfg(not(test))]
    use crate::c::C;`;
  passes({ "lib.rs": "mod a; mod b; mod c;", "a.rs": "use crate::b::B;", "b.rs": text, "b/tests.rs": "use crate::a::A;", "c.rs": "" }, "2  b → c");
});
