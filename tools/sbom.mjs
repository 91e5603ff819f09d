#!/usr/bin/env node
// Writes what the published packages consist of, as CycloneDX, into target/release-files/sbom: one file for each crate, and
// one for the npm package. Without random numbers and times, so that the same sources give the same files.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { assemble } from "./package.mjs";

const TARGET = "target/release-files/sbom";
const CRATES = ["chequebook", "chequebook-wallet"];

const run = (command, args, options = {}) => execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });

/** The document without what differs from run to run, after a check that it is one, of this package. */
export function cleaned(text, name) {
  const { serialNumber, ...bom } = JSON.parse(text);
  const found = bom.metadata?.component?.name;
  if (bom.bomFormat !== "CycloneDX" || found !== name) {
    throw new Error(`expected a CycloneDX document of ${name}, found ${bom.bomFormat} of ${found}`);
  }
  const wrong = (bom.components ?? []).filter((component) => !component.purl?.startsWith("pkg:") || !component.version);
  if (!bom.components?.length || wrong.length > 0) throw new Error(`${name}: no components, or some without purl or version`);
  delete bom.metadata.timestamp;
  // The directory in which it was built.
  return `${JSON.stringify(bom, null, 2).replaceAll(`path+file://${resolve(".")}`, "path+file://")}\n`;
}

/** The documents of the crates. The tool writes one beside the manifest of every package of the workspace. */
function rust() {
  const file = "sbom-of-crate";
  run("tools/lint-tools.sh", ["cargo-cyclonedx", "cyclonedx", "--format", "json", "--all-features", "--override-filename", file]);
  const { packages } = JSON.parse(run("cargo", ["metadata", "--no-deps", "--locked", "--format-version", "1"], { maxBuffer: 1 << 28 }));
  const paths = packages.map((each) => [each.name, join(dirname(each.manifest_path), `${file}.json`)]);
  const texts = Object.fromEntries(paths.map(([name, path]) => [name, readFileSync(path, "utf8")]));
  for (const [, path] of paths) rmSync(path);
  return Object.fromEntries(CRATES.map((name) => [name, JSON.stringify(only(JSON.parse(texts[name]), used(name)))]));
}

/** What a user of a crate compiles, with all features, on whatever platform: without what only our tests need. */
function used(name) {
  const args = ["tree", "--locked", "-p", name, "--all-features", "--edges", "normal,build", "--target", "all", "--prefix", "none"];
  return new Set(run("cargo", args).split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
}

/** A document with these components only. */
export function only(bom, names) {
  const components = bom.components.filter(({ name, version }) => names.has(`${name} v${version}`));
  const refs = new Set([bom.metadata.component, ...components].map((component) => component["bom-ref"]));
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
  return { ...bom, components, dependencies };
}

function npm() {
  assemble();
  const { name, version, dependencies } = JSON.parse(readFileSync("target/npm/package.json", "utf8"));
  const directory = mkdtempSync(join(tmpdir(), "chequebook-sbom-"));
  const project = join(directory, name); // npm takes the name of the directory
  try {
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), JSON.stringify({ name, version, dependencies }));
    run("npm", ["install", "--package-lock-only", "--no-fund", "--no-audit"], { cwd: project });
    return run("npm", ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"], { cwd: project });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(TARGET, { recursive: true });
  const documents = rust();
  documents["chequebook-contracts"] = npm();
  for (const [name, text] of Object.entries(documents)) {
    const path = `${TARGET}/${name}.cdx.json`;
    const bom = cleaned(text, name);
    writeFileSync(path, bom);
    console.log(`${path}: ${JSON.parse(bom).components.length} components`);
  }
}
