#!/usr/bin/env node
// Uses the npm package as a stranger would: in a new Foundry project, which has nothing else of ours, a forge test and a
// TypeScript program create a chequebook and cash a cheque. forge, anvil, tsc and solc are those of node_modules.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { pack } from "./package.mjs";

const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const { devDependencies } = json("package.json");
const tool = (name) => resolve("node_modules/.bin", name);

const { tarball } = pack();
const project = mkdtempSync(join(tmpdir(), "chequebook-package-"));
const run = (command, args, env) =>
  execFileSync(command, args, { cwd: project, stdio: "inherit", env: { ...process.env, ...env } });

/** A port that nobody listens on now. */
const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

let anvil;
try {
  cpSync("npm/example/foundry.toml", join(project, "foundry.toml"));
  mkdirSync(join(project, "test"));
  cpSync("npm/example/Cash.t.sol", join(project, "test/Cash.t.sol"));
  cpSync("npm/example/cash.ts", join(project, "cash.ts"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-fund", "--no-audit", "--silent", resolve(tarball), `viem@${devDependencies.viem}`]);

  run(tool("forge"), ["test", "--use", resolve("tools/solc.mjs")]);
  // With these settings the sources of the package compile to the bytes of the release.
  const compiled = json(join(project, "out/ChequebookFactory.sol/ChequebookFactory.json")).bytecode.object;
  if (compiled !== json("rust-client/abi/ChequebookFactory.json").bytecode) throw new Error("the bytes differ");

  const strict = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"];
  run(tool("tsc"), [...strict, "--noUncheckedIndexedAccess", "cash.ts"]);
  const port = await freePort();
  anvil = spawn(tool("anvil"), ["--port", String(port), "--silent"], { stdio: "inherit" });
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}`, { method: "POST" }).catch(() => undefined);
    if (answer) break;
    if (tries === 100) throw new Error("anvil does not answer");
    await new Promise((done) => setTimeout(done, 100));
  }
  run(process.execPath, ["cash.js"], { RPC: `http://127.0.0.1:${port}` });
  console.log("the package works in a new project");
} finally {
  anvil?.kill();
  rmSync(project, { recursive: true, force: true });
}
