#!/usr/bin/env node
// Prints what CHANGELOG.md says of a version: tools/release-notes.mjs 0.1.0. Fails if it says nothing.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The section of a version, without its title. */
export function notes(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((each) => each.startsWith(`[${version}]`));
  if (section === undefined) {
    const found = sections.map((each) => each.split("\n")[0]).join(", ");
    throw new Error(`CHANGELOG.md has no section [${version}], only: ${found}`);
  }
  const text = section.slice(section.indexOf("\n")).replace(/^\[[^\]]+\]: .*$/gm, "").trim();
  if (!/^- /m.test(text)) throw new Error(`CHANGELOG.md has nothing in the section [${version}]`);
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [version] = process.argv.slice(2);
  try {
    if (!version) throw new Error("expected a version");
    console.log(notes(readFileSync("CHANGELOG.md", "utf8"), version));
  } catch (error) {
    console.error(`release-notes: ${error.message}`);
    process.exitCode = 1;
  }
}
