#!/usr/bin/env node
// Shows which module of each crate imports which, in layers, and fails where imports run in a circle or back up to the
// root (lib.rs, main.rs). An item that a module only passes on (`pub use`) counts as of the module that defines it.
// A module within another may use what that one defines itself; with --strict it may not, as with the root.
import { execFileSync } from "node:child_process";
import { basename, dirname, relative } from "node:path";
import { emptyModule, locate, read } from "./rust-modules.mjs";

const ancestors = (module) => (module ? [...ancestors(module.parent), module] : []);
const descendants = (module) => [module, ...[...module.children.values()].flatMap(descendants)];

/** The imports within each module that has children: parent → parent or child → imported → place. */
function graph(root, strict) {
  const levels = new Map();
  for (const parent of descendants(root)) {
    const children = [...parent.children.values()];
    if (children.length === 0) continue;
    const above = strict || parent === root ? children.map((child) => [child, `mod ${child.name}`]) : [];
    levels.set(parent, new Map([[parent, new Map(above)], ...children.map((child) => [child, new Map()])]));
  }
  for (const module of descendants(root)) {
    for (const { path, where } of module.paths) {
      const [from, to] = [ancestors(module), ancestors(locate(module, path))];
      const common = from.findIndex((ancestor, i) => ancestor !== to[i]);
      if (common < 1) continue; // another crate, itself, or within itself
      const imports = levels.get(from[common - 1]).get(from[common]);
      const imported = to[common] ?? to[common - 1];
      if (!imports.has(imported)) imports.set(imported, where);
    }
  }
  return levels;
}

/** The shortest way by imports from one module to another, both included; nothing if there is none. */
function way(level, from, to) {
  const ways = [[from]];
  const seen = new Set();
  for (const way of ways) {
    for (const next of level.get(way.at(-1)).keys()) {
      if (next === to) return [...way, next];
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/** How many modules stand on each other below each one, and itself; circles do not count. */
function layers(level) {
  const layer = new Map();
  const visit = (module) => {
    const below = [...level.get(module).keys()].filter((to) => layer.has(to) || !way(level, to, module));
    if (!layer.has(module)) layer.set(module, 1 + Math.max(0, ...below.map(visit)));
    return layer.get(module);
  };
  [...level.keys()].forEach(visit);
  const order = (a, b) => layer.get(a) - layer.get(b) || a.name.localeCompare(b.name);
  return [...level.keys()].sort(order).map((module) => [layer.get(module), module]);
}

/** Each circle of imports once, with the places where they stand. */
function circles(level) {
  const found = new Map();
  for (const [module, imports] of level) {
    for (const to of imports.keys()) {
      const back = way(level, to, module);
      if (!back) continue;
      const key = back.map(({ name }) => name).sort().join();
      const places = [module, ...back].slice(0, -1).map((from, i) => level.get(from).get(back[i]));
      if (!found.has(key)) found.set(key, `${[module, ...back].map(({ name }) => name).join(" → ")} (${places.join(", ")})`);
    }
  }
  return [...found.values()];
}

const { packages } = JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { encoding: "utf8" }));
const targets = packages.flatMap((each) => each.targets).filter(({ kind }) => kind.some((k) => /^(bin|lib)$/.test(k)));
for (const { name, src_path: file } of targets) {
  const root = emptyModule(basename(file, ".rs"));
  read(root, file, dirname(file));
  for (const [parent, level] of graph(root, process.argv.includes("--strict"))) {
    if ([...level.values()].every((imports) => imports.size === 0)) continue;
    console.log(`${[name, ...ancestors(parent).slice(1).map((module) => module.name)].join("::")} (${relative(".", file)})`);
    for (const [layer, module] of layers(level)) {
      const imported = [...level.get(module).keys()].map(({ name }) => name).sort().join(", ");
      console.log(`  ${layer}  ${module.name}${imported && ` → ${imported}`}`);
    }
    for (const circle of circles(level)) {
      console.error(`imports run in a circle: ${circle}`);
      process.exitCode = 1;
    }
  }
}
