#!/usr/bin/env node
// Writes what the published packages consist of, as CycloneDX, into target/release-files/sbom: one file for each crate, and
// one for the npm package. Without random numbers and times, so that the same sources give the same files.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { assemble } from "./package.mjs";

const TARGET = "target/release-files/sbom";
const CRATES = { chequebook: "rust-client", "chequebook-wallet": "crates/wallet" };

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

function rust(name, directory) {
  const file = `sbom-of-${name}`;
  const manifest = `${directory}/Cargo.toml`;
  const args = ["cyclonedx", "--format", "json", "--all-features", "--override-filename", file, "--manifest-path", manifest];
  run("tools/lint-tools.sh", ["cargo-cyclonedx", ...args]);
  const path = `${directory}/${file}.json`;
  const text = readFileSync(path, "utf8");
  rmSync(path);
  return text;
}

function npm() {
  assemble();
  const { name, version, dependencies } = JSON.parse(readFileSync("target/npm/package.json", "utf8"));
  const project = mkdtempSync(join(tmpdir(), "chequebook-sbom-"));
  try {
    writeFileSync(join(project, "package.json"), JSON.stringify({ name, version, dependencies }));
    run("npm", ["install", "--package-lock-only", "--no-fund", "--no-audit"], { cwd: project });
    return run("npm", ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"], { cwd: project });
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(TARGET, { recursive: true });
  const documents = Object.fromEntries(Object.entries(CRATES).map(([name, directory]) => [name, rust(name, directory)]));
  documents["chequebook-contracts"] = npm();
  for (const [name, text] of Object.entries(documents)) {
    const path = `${TARGET}/${name}.cdx.json`;
    const bom = cleaned(text, name);
    writeFileSync(path, bom);
    console.log(`${path}: ${JSON.parse(bom).components.length} components`);
  }
}
