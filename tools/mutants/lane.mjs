// One lane: a copy of the workspace, into whose `out` the bytes of one mutant after the other are written. The tests
// take the contracts from there (test/Base.t.sol), so nothing but the mutant is compiled.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { affectedBy, bytesOf, nameOf, readSources } from "./compile.mjs";
import { STAGES, excluded } from "./killers.mjs";

// Not by links: forge would see other files behind them, and compile all again.
const COPIED = [
  ...["contracts", "test", "script", "foundry.toml", "out", "cache/solidity-files-cache.json"],
  ...["node_modules/@openzeppelin/contracts", "node_modules/@layerzerolabs/toolbox-foundry/lib/forge-std"],
];
const FILES = ["contracts/ChequebookFactory.sol", "contracts/Chequebook.sol", "contracts/ClearingHouse.sol"];

const home = process.argv[2];
let running; // the process group of forge
process.on("disconnect", () => {
  if (running) process.kill(-running, "SIGKILL");
  process.exit();
});
setPriority(10);
rmSync(home, { recursive: true, force: true });
for (const path of COPIED) cpSync(path, `${home}/${path}`, { recursive: true, preserveTimestamps: true });
// In place of solc, whose version forge asks for each time: nothing is compiled in a lane.
const version = execFileSync("tools/solc.mjs", ["--version"], { encoding: "utf8" });
mkdirSync(`${home}/tools`);
writeFileSync(`${home}/tools/solc.mjs`, `#!/bin/sh\n[ "$1" = --version ] && echo '${version}'\n`, { mode: 0o755 });

const sources = readSources();
const original = bytesOf(sources, FILES);
const artifact = (root, file) => `${root}/out/${nameOf(file)}.sol/${nameOf(file)}.json`;
for (const [file, bytes] of original) {
  const { bytecode, deployedBytecode } = JSON.parse(readFileSync(artifact(".", file), "utf8"));
  if (bytes[0] !== bytecode.object || bytes[1] !== deployedBytecode.object) {
    throw new Error(`mutants: ${file} is not compiled as by forge`);
  }
}

function install(bytes) {
  for (const file of FILES) {
    const json = JSON.parse(readFileSync(artifact(".", file), "utf8"));
    [json.bytecode.object, json.deployedBytecode.object] = bytes.get(file) ?? original.get(file);
    writeFileSync(artifact(home, file), JSON.stringify(json));
  }
}

/** What forge prints, or nothing if all tests pass. */
function test(file, stage, all) {
  const { hardfork, fuzz, invariant, minutes } = stage;
  for (const left of ["fuzz", "invariant", "test-failures"]) {
    rmSync(`${home}/cache/${left}`, { recursive: true, force: true });
  }
  const args = ["test", "--no-match-contract", excluded(file), "-j", "1", "--fuzz-seed", "0x1"];
  if (!invariant) args.push("--no-match-path", "test/invariant/*");
  if (!all) args.push("--fail-fast");
  const env = {
    ...process.env,
    FOUNDRY_HARDFORK: hardfork,
    FOUNDRY_FUZZ_RUNS: fuzz,
    FOUNDRY_INVARIANT_RUNS: invariant ?? 1,
    FOUNDRY_OFFLINE: "true",
    NO_COLOR: "1",
  };
  return new Promise((resolve, reject) => {
    const child = spawn("forge", args, { cwd: home, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    running = child.pid;
    let [output, late] = ["", false];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    const timer = setTimeout(() => {
      late = true;
      process.kill(-child.pid, "SIGKILL"); // its process group
    }, minutes * 60_000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      running = undefined;
      if (late) resolve("timeout");
      else if (code === 0 && output.includes("No files changed")) resolve(undefined);
      else if (/\[FAIL/.test(output)) resolve(output);
      // A panic of forge itself: perhaps of how it stops the other tests, perhaps the mutant causes it each time.
      else if (output.includes("panicked")) resolve(all ? "panic of forge" : test(file, stage, true));
      else reject(new Error(`mutants: forge test did not run: ${output.slice(-2000)}`));
    });
  });
}

/** `Contract.test` of the first failure. */
function killer(output) {
  if (!output.includes("[FAIL")) return output; // a timeout or a panic
  const before = output.slice(0, output.indexOf("[FAIL"));
  const suite = [...before.matchAll(/^Ran \d+ tests? for \S+:(\w+)$/gm)].at(-1)?.[1];
  const name = output.match(/^\[FAIL.*?\] (\w+)\(/m)?.[1] ?? output.match(/\[FAIL.*/)[0].slice(0, 100);
  return `${suite}.${name}`;
}

async function run({ file, source }) {
  const bytes = bytesOf(new Map(sources).set(file, source), affectedBy(file));
  if (!bytes) return { outcome: "invalid" };
  if ([...bytes].every(([name, found]) => found.join() === original.get(name).join())) return { outcome: "identical" };
  install(bytes);
  for (const stage of STAGES) {
    const output = await test(file, stage);
    if (output) return { outcome: "killed", by: killer(output) };
  }
  return { outcome: "survived" };
}

/** The suites that fail, by a mutant of which all must be known; none for the original. */
async function control({ file, source }) {
  install(source ? bytesOf(new Map(sources).set(file, source), affectedBy(file)) : new Map());
  const failed = new Set();
  for (const stage of source ? STAGES.slice(0, 1) : STAGES) {
    const output = (await test(file, stage, true)) ?? "";
    for (const part of output.split(/^Ran \d+ tests? for /m)) {
      if (part.includes("[FAIL")) failed.add(part.match(/:(\w+)/)?.[1]);
    }
  }
  return { failed: [...failed] };
}

const send = (message) => process.send(message, () => {}); // whoever started this may have gone

process.on("message", async (job) => {
  const start = Date.now();
  try {
    const result = job.control ? await control(job) : await run(job);
    send({ ...result, seconds: (Date.now() - start) / 1000, heavy: process.memoryUsage().rss > 1.5e9 });
  } catch (error) {
    send({ outcome: "error", by: error.message });
  }
});
send("ready");
