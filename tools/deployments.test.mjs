// Tests of deployments.mjs, and of what is written by hand in deployments.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { keccak256 } from "viem";
import * as known from "viem/chains";
import { chainTable } from "./deployments.mjs";

const { deploymentProxy, chains } = JSON.parse(readFileSync(new URL("../deployments.json", import.meta.url), "utf8"));

test("each chain stands there once, with the chain id that viem has for it", () => {
  const { mainnet, sepolia, base, optimism, arbitrum, linea, polygon, bsc, gnosis, scroll } = known;
  const expected = [mainnet, sepolia, base, optimism, arbitrum, linea, polygon, bsc, gnosis, scroll];
  const names = { [linea.id]: "Linea", [polygon.id]: "Polygon PoS", [bsc.id]: "BNB Chain" };
  assert.deepEqual(
    chains.map(({ chainId, name }) => [chainId, name]),
    expected.map(({ id, name }) => [id, names[id] ?? name]),
  );
});

test("a chain is not checked, or it says when, how and with which result", () => {
  for (const { checked, name } of chains) {
    if (checked === null) continue;
    assert.deepEqual(Object.keys(checked), ["when", "how", "result"], name);
    assert.match(checked.when, /^\d{4}-\d{2}-\d{2}$/, name);
  }
});

test("the code hash of the deployment proxy is that of the code in Preflight", () => {
  const preflight = readFileSync(new URL("../script/Preflight.s.sol", import.meta.url), "utf8");
  const [, code] = preflight.match(/bytes private constant PROXY =\s+hex"([0-9a-f]+)"/);
  assert.equal(keccak256(`0x${code}`), deploymentProxy.codeHash);
});

test("the table shows what was checked", () => {
  const checked = { when: "2026-12-01", how: "Preflight", result: "all works" };
  assert.equal(
    chainTable([{ chainId: 1, name: "One", checked: null }, { chainId: 2, name: "Two", checked }]),
    "| chain | chain id | checked |\n|---|---:|---|\n| One | 1 | **not checked** |\n" +
      "| Two | 2 | 2026-12-01, by Preflight: all works |",
  );
});
