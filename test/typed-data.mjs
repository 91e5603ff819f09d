#!/usr/bin/env node
// Typed cheques as ethers and viem see them. Reads signed cheques from stdin, as a JSON array, and verifies each with both
// libraries. Answers with what the libraries compute, and with the same cheques signed by keys of their own: those with
// an even index by ethers, the others by viem. The types below are written out, as a program that knows only
// docs/typed-data.md would: nothing comes from our code.
import { readFileSync } from "node:fs";
import { TypedDataEncoder, Wallet, id, verifyTypedData } from "ethers";
import { hashTypedData, recoverTypedDataAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const types = {
  Cheque: [
    { name: "beneficiary", type: "address" },
    { name: "amount", type: "uint256" },
  ],
};
const primaryType = "Cheque";

const byEthers = Wallet.createRandom();
const byViem = privateKeyToAccount(generatePrivateKey());

/** Verifies a cheque, and signs it again. */
async function answer({ signature, ...cheque }, index) {
  const domain = { name: "Chequebook", version: "1", chainId: cheque.chainId, verifyingContract: cheque.contract };
  const message = { beneficiary: cheque.beneficiary, amount: BigInt(cheque.amount) };
  const typed = { domain, types, primaryType, message };
  const signed =
    index % 2 === 0 ? await byEthers.signTypedData(domain, types, message) : await byViem.signTypedData(typed);
  return {
    digests: [TypedDataEncoder.hash(domain, types, message), hashTypedData(typed)],
    signers: [verifyTypedData(domain, types, message, signature), await recoverTypedDataAddress({ ...typed, signature })],
    signed: { ...cheque, signature: signed },
  };
}

const cheques = JSON.parse(readFileSync(0, "utf8"));
const type = TypedDataEncoder.from(types).encodeType(primaryType);
const keys = [byEthers.address, byViem.address];
process.stdout.write(JSON.stringify({ type, typeHash: id(type), keys, answers: await Promise.all(cheques.map(answer)) }));
