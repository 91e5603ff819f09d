// What the code of an account says of itself. That proves nothing alone: any constructor can leave any code behind.
import { readFileSync } from "node:fs";
import { concatHex, encodeAbiParameters, getAddress, getContractAddress, keccak256, numberToHex, sliceHex } from "viem/utils";

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
export const built = (contract) => read(`rust-client/abi/${contract}.json`);
export const { deploymentProxy, contracts, direct, chains } = read("deployments.json");

/** The forms, as the factory numbers them. */
export const FORMS = ["none", "direct", "clone", "token"];

/** The contracts of which each chain has one, with their names for people. */
export const SINGLE = [
  { what: "the deployment proxy", ...deploymentProxy },
  { what: "the factory", ...contracts.ChequebookFactory },
  { what: "the implementation of clones", ...contracts.ChequebookClone },
  { what: "the implementation of token chequebooks", ...contracts.TokenChequebook },
  { what: "the clearing house", ...contracts.ClearingHouse },
];

// ERC-1167: the code of a minimal clone, around the address of the code that it runs. The terms stand behind it.
const BEFORE = "0x363d3d373d3d3d363d73";
const AFTER = "0x5af43d82803e903d91602b57fd5bf3";
const implementation = { clone: contracts.ChequebookClone, token: contracts.TokenChequebook };
const clone = ({ form, owner, signer, noticePeriod, token }) =>
  concatHex([
    BEFORE,
    implementation[form].address,
    AFTER,
    owner,
    signer,
    numberToHex(noticePeriod, { size: 4 }),
    ...(form === "token" ? [token] : []),
  ]).toLowerCase();

/** The form and the terms in the code of a chequebook; nothing if it is not exactly the code of one. */
export function terms(code) {
  const size = code.length / 2 - 1;
  if (size === 89 || size === 109) return cloneTerms(code, size === 89 ? "clone" : "token");
  return directTerms(code);
}

function cloneTerms(code, form) {
  const address = (offset) => getAddress(sliceHex(code, offset, offset + 20));
  const noticePeriod = Number(sliceHex(code, 85, 89));
  const token = form === "token" ? address(89) : undefined;
  const found = { form, owner: address(45), signer: address(65), noticePeriod, token };
  return clone(found) === code ? found : undefined;
}

/** Its terms stand where the code is zero before its creation. */
function directTerms(code) {
  const bytes = Buffer.from(code.slice(2), "hex");
  const words = {};
  for (const [name, places] of Object.entries(direct.immutables)) {
    const found = new Set(places.map((start) => BigInt(`0x0${bytes.toString("hex", start, start + 32)}`)));
    places.forEach((start) => bytes.subarray(start, start + 32).fill(0));
    if (found.size !== 1) return undefined;
    [words[name]] = found;
  }
  const fits = words.owner < 1n << 160n && words.signer < 1n << 160n && words.noticePeriod < 1n << 32n;
  if (keccak256(bytes) !== direct.codeHash || !fits) return undefined;

  const address = (word) => getAddress(numberToHex(word, { size: 20 }));
  return {
    form: "direct",
    owner: address(words.owner),
    signer: address(words.signer),
    noticePeriod: Number(words.noticePeriod),
    bornAt: words.bornAt,
  };
}

/** The address at which the factory creates a chequebook of these terms: a second way, beside its record. */
export function address(terms, salt, chainId) {
  const { form, owner, signer, noticePeriod } = terms;
  const types = [{ type: "address" }, { type: "address" }, { type: "uint32" }];
  const bytecode = {
    direct: () => concatHex([built("Chequebook").bytecode, encodeAbiParameters(types, [owner, signer, noticePeriod])]),
    clone: () => concatHex(["0x6100593d81600a3d39f3", clone(terms)]),
    token: () => concatHex(["0x61006d3d81600a3d39f3", clone(terms)]),
  }[form]();
  const bound = keccak256(encodeAbiParameters([{ type: "uint256" }, { type: "bytes32" }], [chainId, salt]));
  return getContractAddress({ opcode: "CREATE2", from: contracts.ChequebookFactory.address, salt: bound, bytecode });
}

/** What an account is by its code alone, for people. */
export function describe(code) {
  if (code === "0x") return "an account without code";
  if (/^0xef0100.{40}$/.test(code)) {
    const to = getAddress(sliceHex(code, 3));
    const ours = SINGLE.find(({ address }) => address === to);
    return `an account with a key, which delegates to ${to}${ours ? `, ${ours.what}` : ""} (EIP-7702)`;
  }
  const ours = SINGLE.find(({ codeHash }) => codeHash === keccak256(code));
  if (ours) return `the code of ${ours.what} at another address than that of ${ours.what}`;
  const found = terms(code);
  return found ? `the code of a chequebook of the form ${found.form}` : "other code";
}
