#!/usr/bin/env node
// Says what stands at an address of any chain, and whether it is genuine: RPC=… ADDRESS=… node tools/verify.mjs.
// With SALT=…, that of the creation, it also recomputes the address of a chequebook from its terms.
//
// Exit code: 0: genuine, which a dead chequebook is, too. 1: not genuine. 2: it could not be found out.
import { encodeFunctionData, formatEther, getAddress, isAddress, keccak256 } from "viem/utils";
import { FORMS, SINGLE, address as addressOf, built, chains, contracts, describe, terms as termsIn } from "./verify/code.mjs";
import { BadAnswer, Node, NotKnown } from "./verify/node.mjs";

const DEAD = 2n ** 256n - 1n; // the `killableAt` of a dead chequebook
const FACTORY = contracts.ChequebookFactory;

const print = (what, text) => console.log(`${what && `${what}:`}`.padEnd(15) + text);

/* INPUT */

function input() {
  const { RPC, ADDRESS, SALT } = process.env;
  const url = URL.canParse(RPC ?? "") ? new URL(RPC) : undefined;
  if (!/^https?:$/.test(url?.protocol)) throw new NotKnown("RPC must be the http or https URL of a node");
  if (url.username || url.password) throw new NotKnown("RPC must be a URL without a user and a password");
  if (!/^0x[0-9a-fA-F]{40}$/.test(ADDRESS ?? "")) {
    throw new NotKnown(`ADDRESS must be an address of 20 bytes in hex, got: ${ADDRESS || "nothing"}`);
  }
  // One that is all lowercase or all uppercase has no checksum.
  const mixed = /[a-f]/.test(ADDRESS) && /[A-F]/.test(ADDRESS);
  if (mixed && !isAddress(ADDRESS)) throw new NotKnown(`ADDRESS has a wrong checksum, is it mistyped? Got: ${ADDRESS}`);
  if (SALT && !/^0x[0-9a-fA-F]{64}$/.test(SALT)) throw new NotKnown(`SALT must be 32 bytes in hex, got: ${SALT}`);
  return { node: new Node(url), address: getAddress(ADDRESS.toLowerCase()), salt: SALT || undefined };
}

/* CHAIN */

/** Prints the chain and the block. */
function printChain(chainId, { number, hash, timestamp }) {
  const chain = chains.find((each) => BigInt(each.chainId) === chainId);
  const { name = "not in deployments.json", checked = null } = chain ?? {};
  const result = checked ? `checked ${checked.when}: ${checked.result}` : "nobody has checked it, see docs/chains.md";
  print("Chain", `${chainId} (${name}; ${result})`);
  print("Block", `${number}, ${hash}, of ${time(timestamp)}`);
}

/** A time in Unix seconds, and as a date if it has one. */
function time(seconds) {
  return seconds > 253_402_300_799n ? `${seconds}` : `${seconds} (${new Date(Number(seconds) * 1000).toISOString()})`;
}

/* CHEQUEBOOK */

/** What the factory knows of an address; nothing if it did not create it. */
async function recordOf(node, address) {
  const data = encodeFunctionData({ abi: built("ChequebookFactory").abi, functionName: "record", args: [address] });
  const [bornAt, form, token] = await node.call(FACTORY.address, data, 3);
  if (bornAt === 0n && form === 0n && token === 0n) return undefined;
  const isToken = FORMS[form] === "token";
  if (bornAt === 0n || form === 0n || form > 3n || isToken !== (token !== 0n) || token >> 160n) {
    throw new NotKnown(`the node answered with an impossible record of ${address}`);
  }
  return { bornAt, form: FORMS[form], token: isToken ? getAddress(`0x${token.toString(16).padStart(40, "0")}`) : undefined };
}

/** The terms of what the factory created: both the record and the code have them, and must agree. */
async function provenTerms(node, record, code) {
  const terms = termsIn(code);
  const { form, token, bornAt = record.bornAt } = terms ?? {};
  if (form !== record.form || token !== record.token || bornAt !== record.bornAt) {
    throw new NotKnown("the node contradicts itself: the factory's record and the code do not belong together");
  }
  const runs = { clone: contracts.ChequebookClone, token: contracts.TokenChequebook }[form];
  if (runs && keccak256(await node.code(runs.address)) !== runs.codeHash) {
    throw new NotKnown("the node contradicts itself: the code that all clones run is not what the factory created");
  }
  return terms;
}

function stateOf(killableAt, now) {
  if (killableAt === 0n) return "alive";
  if (killableAt === DEAD) return "DEAD";
  if (killableAt <= now) return `ENDING: the owner can kill at any moment, since ${time(killableAt)}`;
  return `ENDING: the owner can kill from ${time(killableAt)} on`;
}

async function balanceOf(node, address, token) {
  if (!token) {
    const wei = await node.balance(address);
    return `${wei} wei (${formatEther(wei)} ether)`;
  }
  const data = `0x70a08231${address.slice(2).padStart(64, "0")}`; // balanceOf(address)
  try {
    const [amount] = await node.call(token, data, 1);
    return `${amount}, in the smallest unit of the token`;
  } catch (error) {
    if (error instanceof BadAnswer) return `not known, because of the token: ${error.message}`;
    throw error;
  }
}

/** All that is known of a chequebook that the factory created. */
async function chequebook({ node, address, salt, chainId, record, code, now }) {
  const known = [
    ["It is", "a genuine chequebook: the factory created it"],
    ["Form", record.form],
    ["Asset", record.token ? `the token ${record.token}` : "ether"],
    ["Born", `at block.number ${record.bornAt}`],
  ];
  if (code === "0x" && !record.token) { // a token chequebook keeps its code
    if (salt) throw new NotKnown("SALT proves nothing of this chequebook: it is dead, and its terms are erased");
    return [...known, ["State", "DEAD, and erased: whatever is sent there is lost"], ["Proof", "the factory's record"]];
  }

  const terms = await provenTerms(node, record, code);
  if (salt && addressOf(terms, salt, chainId) !== address) {
    throw new NotKnown(`SALT is not that of this chequebook, whose terms it gives another address: ${salt}`);
  }
  const killableAt = encodeFunctionData({ abi: built("Chequebook").abi, functionName: "killableAt" });
  const [end] = await node.call(address, killableAt, 1);
  return [
    ...known,
    ["Owner", terms.owner],
    ["Signer", terms.signer],
    ["Notice period", `${terms.noticePeriod} seconds${terms.noticePeriod ? "" : ": the owner can kill at any moment"}`],
    ["State", stateOf(end, now)],
    ["Balance", await balanceOf(node, address, record.token)],
    ["Proof", "the factory's record, and the code, which is that of these terms"],
    ...(salt ? [["", "the address, which follows from form, terms, SALT and chain: no node can fake these"]] : []),
  ];
}

/* ANSWER */

/** Why nothing on this chain can be a genuine chequebook; nothing if the factory is there. */
async function withoutFactory(node) {
  const code = await node.code(FACTORY.address);
  if (code === "0x") return "is missing on this chain";
  return keccak256(code) === FACTORY.codeHash ? undefined : "HAS OTHER CODE on this chain: this is no chain for chequebooks";
}

/** What stands at the address of a contract of which each chain has one. */
function single({ what, codeHash }, code) {
  if (keccak256(code) === codeHash) {
    return [["It is", what], ["Proof", "the address, and the hash of the code, as in deployments.json"]];
  }
  const found = code === "0x" ? "this chain does not have it" : `there is ${describe(code)}`;
  return [["It is", `NOT ${what}, whose address this is: ${found}`]];
}

/** What stands at any other address that the factory has no record of. */
function unproven(code) {
  const advice =
    code === "0x"
      ? "It may be counterfactual: then form, terms, salt and chain prove its address."
      : "The factory did not create it, and code proves nothing. Deposit nothing, accept no cheque of it.";
  return [["It is", `NOT a genuine chequebook, but ${describe(code)}`], ["", advice]];
}

/** Prints which chain and block are asked. Returns what is at the address; the last line proves it if it is genuine. */
async function verify(node, address, salt) {
  const chainId = await node.chainId();
  const block = await node.pin();
  printChain(chainId, block);
  const lacking = await withoutFactory(node);
  print("Factory", `${FACTORY.address} ${lacking ?? "is there, with our code"}`);
  print("Address", address);

  const code = await node.code(address);
  const known = SINGLE.find((each) => each.address === address);
  if (known) return single(known, code);
  const record = lacking ? undefined : await recordOf(node, address);
  return record ? chequebook({ node, address, salt, chainId, record, code, now: block.timestamp }) : unproven(code);
}

try {
  const { node, address, salt } = input();
  const lines = await verify(node, address, salt);
  await node.confirm(); // before anything is said
  lines.forEach(([what, text]) => print(what, text));
  print("Rests on", "the answers of your node, at this block: trust them as far as you trust the node");
  process.exitCode = lines.some(([what]) => what === "Proof") ? 0 : 1;
} catch (error) {
  console.error(`verify: ${error instanceof NotKnown ? error.message : error.stack}`);
  process.exitCode = 2;
}
