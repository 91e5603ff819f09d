#!/usr/bin/env node
// Fails unless the lcov report given as argument covers every line, function and branch of every contract.
import { readFileSync, readdirSync } from "node:fs";

const KINDS = { L: "lines", FN: "functions", BR: "branches" };

const missed = [];
const seen = new Set();
for (const record of readFileSync(process.argv[2], "utf8").split("end_of_record")) {
  const file = record.match(/^SF:(.*)$/m)?.[1];
  if (!file) continue;
  seen.add(file);
  for (const [prefix, kind] of Object.entries(KINDS)) {
    const found = Number(record.match(new RegExp(`^${prefix}F:(\\d+)$`, "m"))[1]);
    const hit = Number(record.match(new RegExp(`^${prefix}H:(\\d+)$`, "m"))[1]);
    if (hit !== found) missed.push(`${file}: ${hit} of ${found} ${kind}`);
  }
}

// A report without the contracts would pass for want of anything to miss. A contract that only puts others together has
// nothing that can be covered.
const hasFunctions = (file) => /^\s*(function|constructor|modifier)\b/m.test(readFileSync(file, "utf8"));
for (const path of readdirSync("contracts", { recursive: true })) {
  const file = `contracts/${path}`;
  if (!path.endsWith(".sol") || path.startsWith("interfaces/") || seen.has(file)) continue;
  if (hasFunctions(file)) missed.push(`${file}: not in the report`);
}

if (missed.length > 0) {
  console.error(`coverage is not complete:\n${missed.join("\n")}`);
  process.exitCode = 1;
} else {
  console.log(`coverage: every line, function and branch of ${seen.size} contracts`);
}
