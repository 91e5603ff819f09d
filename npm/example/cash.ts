// Creates a chequebook on a development chain, signs a cheque and cashes it. RPC is the URL of the node.
import { createPublicClient, createTestClient, createWalletClient, http, parseEther, parseSignature } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { anvil } from "viem/chains";
import { addresses, chequeTypedData, chequebookAbi, chequebookFactoryAbi, Form } from "chequebook-contracts";
import { chequebookFactoryCreationCode } from "chequebook-contracts/bytecode";

declare const process: { env: Record<string, string | undefined> }; // or install @types/node

const transport = http(process.env["RPC"]);
const chain = anvil;
const node = createPublicClient({ chain, transport });
const signer = privateKeyToAccount(generatePrivateKey());
const payee = privateKeyToAccount(generatePrivateKey()).address;
// Any account with ether can send all of this.
const sender = privateKeyToAccount(generatePrivateKey());
await createTestClient({ chain, transport, mode: "anvil" }).setBalance({ address: sender.address, value: parseEther("10") });
const wallet = createWalletClient({ account: sender, chain, transport });

// The factory, once for each chain, by the deployment proxy with the salt zero.
const data = `${addresses.salt}${chequebookFactoryCreationCode.slice(2)}` as const;
await node.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: addresses.deploymentProxy, data }) });

// A clone with a deposit of one ether.
const terms = { owner: sender.address, signer: signer.address, noticePeriod: 86_400, token: addresses.zero };
const creation = [Form.Clone, terms, addresses.salt] as const;
const factory = { address: addresses.chequebookFactory, abi: chequebookFactoryAbi } as const;
const chequebook = await node.readContract({ ...factory, functionName: "predict", args: creation });
const created = await wallet.writeContract({ ...factory, functionName: "create", args: creation, value: parseEther("1") });
await node.waitForTransactionReceipt({ hash: created });

// A cheque over 42 wei in total, which the payee or anyone else cashes.
const amount = 42n;
const cheque = chequeTypedData({ chainId: chain.id, chequebook, beneficiary: payee, amount });
const { r, s, v } = parseSignature(await signer.signTypedData(cheque));
const args = [payee, amount, Number(v), r, s] as const;
const contract = { address: chequebook, abi: chequebookAbi } as const;
const cashed = await wallet.writeContract({ ...contract, functionName: "cashTypedIfCovered", args });
await node.waitForTransactionReceipt({ hash: cashed });

const sent: bigint = await node.readContract({ ...contract, functionName: "sent", args: [payee] });
const balance = await node.getBalance({ address: payee });
if (sent !== amount || balance !== amount) throw new Error(`sent is ${sent} and the balance ${balance}, expected ${amount}`);
console.log(`the payee has ${balance} wei of the chequebook ${chequebook}`);
