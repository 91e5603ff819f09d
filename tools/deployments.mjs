// What deployments.json and docs/chains.md say, computed from what forge built. The chains and the deployment proxy are
// written by hand; they are taken from the committed file.
import { getContractAddress, keccak256 } from "viem";

/** The immutables of an artifact: the offsets of each in the runtime code, in the order of their declarations. */
const immutables = ({ deployedBytecode }) =>
  Object.entries(deployedBytecode.immutableReferences ?? {})
    .sort(([a], [b]) => a - b) // by the ids of the compiler, which grow with the place in the source
    .map(([, places]) => places.map(({ start }) => start));

/** The runtime code of an artifact as it stands on a chain, with these addresses as its immutables. */
function runtime(artifact, ...values) {
  const code = Buffer.from(artifact.deployedBytecode.object.slice(2), "hex");
  const places = immutables(artifact);
  if (places.length !== values.length) throw new Error(`expected ${values.length} immutables, found ${places.length}`);
  places.forEach((starts, i) => starts.forEach((start) => code.write(values[i].slice(2), start + 12, "hex")));
  return `0x${code.toString("hex")}`;
}

/** The content of deployments.json. `artifact` returns that of a contract, `committed` is the file as it stands. */
export function deployments(artifact, { deploymentProxy, chains }) {
  const { address: from, salt } = deploymentProxy;
  const creationCode = (contract) => artifact(contract).bytecode.object;
  const byProxy = (contract) =>
    getContractAddress({ opcode: "CREATE2", from, salt, bytecode: creationCode(contract) });
  const entry = (contract, address, ...values) => ({
    address,
    creationCodeHash: keccak256(creationCode(contract)),
    codeHash: keccak256(runtime(artifact(contract), ...values)),
  });

  const factory = byProxy("ChequebookFactory");
  // The first two contracts that the factory creates.
  const clone = getContractAddress({ from: factory, nonce: 1n });
  const token = getContractAddress({ from: factory, nonce: 2n });
  const direct = artifact("Chequebook");
  const [owner, signer, noticePeriod, bornAt] = immutables(direct);
  return {
    deploymentProxy,
    contracts: {
      ChequebookFactory: entry("ChequebookFactory", factory, clone, token),
      ChequebookClone: entry("ChequebookClone", clone, clone, factory),
      TokenChequebook: entry("TokenChequebook", token, token, factory),
      ClearingHouse: entry("ClearingHouse", byProxy("ClearingHouse")),
    },
    // Of a direct chequebook: its runtime code has 32 zero bytes at these offsets, until its terms are written there.
    direct: {
      creationCodeHash: keccak256(direct.bytecode.object),
      codeHash: keccak256(direct.deployedBytecode.object),
      immutables: { owner, signer, noticePeriod, bornAt },
    },
    chains,
  };
}

/** The table of docs/chains.md. */
export function chainTable(chains) {
  const row = ({ chainId, name, checked }) =>
    `| ${name} | ${chainId} | ${checked ? `${checked.when}, by ${checked.how}: ${checked.result}` : "**not checked**"} |`;
  return ["| chain | chain id | checked |", "|---|---:|---|", ...chains.map(row)].join("\n");
}
