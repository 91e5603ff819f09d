// A node, asked by JSON-RPC. Nothing that it answers is taken or printed unless it has the expected form: it may be wrong,
// slow or hostile. Its URL is never printed, because it may contain a key.

const TIMEOUT = 10_000; // milliseconds, for each question
const MAX_ANSWER = 1_000_000; // bytes; the largest code of a contract has about 100,000 as hex

/** Thrown when something could not be found out. */
export class NotKnown extends Error {}

/** Thrown when the node answers, but with an error, as it does when a call reverts, or in a wrong form. */
export class BadAnswer extends NotKnown {}

/** A value of a wrong form, without its text. */
function describe(value) {
  if (typeof value === "string") return `a string of ${value.length} characters`;
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value;
}

/** Takes an answer that has the form of `pattern`. */
function expect(pattern, value, what, expected) {
  if (typeof value === "string" && pattern.test(value)) return value.toLowerCase();
  throw new BadAnswer(`the node answered with ${describe(value)} for ${what}: expected ${expected}`);
}

const quantity = (value, what) => BigInt(expect(/^0x[0-9a-f]{1,64}$/i, value, what, "a number of at most 32 bytes"));

/** The text of a response, which may have no end. */
async function text(response) {
  const parts = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MAX_ANSWER) throw new NotKnown(`the node answered with more than ${MAX_ANSWER} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

export class Node {
  #url;
  #number;
  #hash;

  constructor(url) {
    this.#url = url;
  }

  /** Takes the newest block, at which all that follows is read. */
  async pin() {
    const block = await this.#block("latest");
    this.#number = `0x${block.number.toString(16)}`;
    this.#hash = block.hash;
    return block;
  }

  /** Fails if the chain has another block at that height by now: then the answers may be of both. */
  async confirm() {
    const { hash, number } = await this.#block(this.#number);
    if (hash !== this.#hash) throw new NotKnown(`the block ${number} was replaced while it was read: try again`);
  }

  async chainId() {
    return quantity(await this.#ask("eth_chainId"), "the chain id");
  }

  async code(address) {
    const answer = await this.#ask("eth_getCode", address, this.#number);
    return expect(/^0x([0-9a-f]{2})*$/i, answer, `the code of ${address}`, "bytes");
  }

  async balance(address) {
    return quantity(await this.#ask("eth_getBalance", address, this.#number), `the balance of ${address}`);
  }

  /** The words that a call returns, exactly as many as expected. */
  async call(to, data, words) {
    const answer = await this.#ask("eth_call", { to, data }, this.#number);
    const pattern = new RegExp(`^0x[0-9a-f]{${64 * words}}$`, "i");
    const hex = expect(pattern, answer, `a call of ${to}`, `${32 * words} bytes`);
    return hex.slice(2).match(/.{64}/g).map((word) => BigInt(`0x${word}`));
  }

  async #block(number) {
    const block = await this.#ask("eth_getBlockByNumber", number, false);
    const what = "a block";
    return {
      number: quantity(block?.number, `the number of ${what}`),
      hash: expect(/^0x[0-9a-f]{64}$/i, block?.hash, `the hash of ${what}`, "32 bytes"),
      timestamp: quantity(block?.timestamp, `the time of ${what}`),
    };
  }

  async #ask(method, ...params) {
    const answer = await this.#send(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }), method);
    if (answer?.error) {
      const { code } = answer.error;
      throw new BadAnswer(`the node refused ${method}${Number.isInteger(code) ? ` with the error ${code}` : ""}`);
    }
    return answer?.result;
  }

  async #send(body, method) {
    const headers = { "content-type": "application/json" };
    const signal = AbortSignal.timeout(TIMEOUT);
    let answer;
    try {
      // A redirect could lead to another node than the one that is trusted.
      const response = await fetch(this.#url, { method: "POST", headers, body, signal, redirect: "error" });
      if (!response.ok) throw new NotKnown(`the node answered ${method} with the HTTP status ${response.status}`);
      answer = await text(response);
    } catch (error) {
      if (error instanceof NotKnown) throw error;
      if (signal.aborted) throw new NotKnown(`the node did not answer ${method} within ${TIMEOUT / 1000} seconds`);
      const reason = /^[A-Z_]+$/.test(error.cause?.code) ? ` (${error.cause.code})` : "";
      throw new NotKnown(`the node cannot be reached${reason}`);
    }
    try {
      return JSON.parse(answer);
    } catch {
      throw new NotKnown(`the node answered ${method} with what is no JSON`);
    }
  }
}
