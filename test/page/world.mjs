// A chain, users with keys and stores of their own, the service, and a browser that looks at its page.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const PROGRAM = process.env.CHEQUEBOOK_PROGRAM ?? join(root, "target/debug/chequebook");
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const ADDRESSES = ["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"];
const KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];
export const [Alice, Bob, Carol] = [0, 1, 2];
const NAMES = ["alice", "bob", "carol"];
const PATIENCE = 30_000;
/** Less than the page leaves its figures alone for when nothing happens: what changes, changes because it was told. */
const LIVE = 15_000;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function eventually(what, isSo, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not happen: ${what}`);
    await pause(50);
  }
}

/** The first line of a program that stays, which matches. */
async function firstLine(child, pattern) {
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line);
    if (found) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error(`${child.spawnfile} ended: ${errors}`);
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

export class World {
  #children = [];
  #services = [];

  /** A chain with factory and clearing house. */
  static async start() {
    const world = new World();
    world.home = mkdtempSync(join(tmpdir(), "chequebook-page-"));
    const anvil = spawn(join(root, "node_modules/.bin/anvil"), ["--hardfork", "osaka", "--port", "0"]);
    world.#children.push(anvil);
    const [, address] = await firstLine(anvil, /Listening on (\S+)/);
    world.anvil = `http://${address}`;
    world.node = await world.#startNode();
    await world.run(Alice, "deploy", "--yes");
    return world;
  }

  /** A node that can be told to lie: it passes on what it is asked, or answers what `lie` says. */
  async #startNode() {
    const server = createServer((asked, answer) => {
      let body = "";
      asked.on("data", (text) => (body += text));
      asked.on("end", () => {
        if (this.lie) {
          const calls = [JSON.parse(body)].flat();
          const errors = calls.map(({ id }) => ({ jsonrpc: "2.0", id, error: { code: -32000, message: this.lie } }));
          return answer.end(JSON.stringify(errors.length === 1 ? errors[0] : errors));
        }
        const passed = request(this.anvil, { method: "POST", headers: { "Content-Type": "application/json" } }, (from) => {
          answer.writeHead(from.statusCode, { "Content-Type": "application/json" });
          from.pipe(answer);
        });
        passed.on("error", () => answer.destroy());
        passed.end(body);
      });
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.server = server;
    return `http://127.0.0.1:${server.address().port}`;
  }

  #environment(who) {
    return {
      PATH: process.env.PATH,
      HOME: this.home,
      CHEQUEBOOK_CHAIN: "anvil",
      CHEQUEBOOK_RPC: this.node,
      CHEQUEBOOK_ACCOUNT: "env:KEY",
      KEY: KEYS[who],
      CHEQUEBOOK_STORE: join(this.home, `${NAMES[who]}.redb`),
    };
  }

  /** Runs the program, which must succeed, and returns what it says. */
  async run(who, ...args) {
    const options = { cwd: this.home, env: this.#environment(who), timeout: 2 * PATIENCE };
    const { stdout } = await promisify(execFile)(PROGRAM, args, options);
    return stdout;
  }

  async json(who, ...args) {
    return JSON.parse(await this.run(who, ...args, "--json"));
  }

  token = async (who, name, scopes) => (await this.json(who, "token", "create", name, "--scope", scopes)).token;

  /** Starts the service, and returns its address. A port that is given is taken again. */
  async serve(who, { port = 0, settings = [] } = {}) {
    const set = [`listen=127.0.0.1:${port}`, ...settings].flatMap((one) => ["--set", one]);
    const child = spawn(PROGRAM, ["serve", "--json", ...set], { cwd: this.home, env: this.#environment(who) });
    this.#services.push(child);
    const [, address] = await firstLine(child, /"address":"([^"]+)"/);
    const url = `http://${address}/`;
    return {
      url,
      port: Number(address.split(":").at(-1)),
      stop: (signal = "SIGTERM") => end(child, signal),
      /** Makes a call, as a program does. */
      call: async (method, params = [], token = undefined) => {
        const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
        const answer = await (await fetch(url, { method: "POST", headers, body })).json();
        if (answer.error) throw new Error(JSON.stringify(answer.error));
        return answer.result;
      },
    };
  }

  /** Asks the chain itself. */
  async rpc(method, params = []) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(this.anvil, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    return (await answer.json()).result;
  }

  async stopServices() {
    for (const child of this.#services.splice(0)) await end(child, "SIGKILL");
  }

  async stop() {
    await this.stopServices();
    for (const child of this.#children) await end(child, "SIGKILL");
    this.server.closeAllConnections();
    this.server.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/* BROWSER */

export class Browser {
  /** With an empty profile: nothing is stored before, and it asks for nothing by itself. */
  static async start() {
    if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: \`make test-page\` says how to get it`);
    const browser = new Browser();
    browser.profile = mkdtempSync(join(tmpdir(), "chequebook-chromium-"));
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    browser.context = await chromium.launchPersistentContext(browser.profile, { executablePath: CHROMIUM, headless: true, args });
    browser.version = await browser.#version();
    return browser;
  }

  async #version() {
    const page = await this.context.newPage();
    const session = await this.context.newCDPSession(page);
    const { product } = await session.send("Browser.getVersion");
    await page.close();
    return product.split("/").at(-1);
  }

  /** Opens a page, and keeps what it asks for, what it sends, and what it complains about. */
  async open(url, { before, ...media } = {}) {
    const page = await this.context.newPage();
    const seen = { requests: [], sockets: [], sent: [], complaints: [] };
    page.on("request", (one) => seen.requests.push(one.url()));
    page.on("websocket", (socket) => {
      seen.sockets.push(socket.url());
      socket.on("framesent", ({ payload }) => seen.sent.push(payload));
    });
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && seen.complaints.push(message.text()));
    page.on("pageerror", (error) => seen.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      seen.complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
    });
    if (before) await before(page);
    if (media.colorScheme || media.reducedMotion) await page.emulateMedia(media);
    if (media.viewport) await page.setViewportSize(media.viewport);
    await page.goto(url);
    return Object.assign(page, { seen });
  }

  async stop() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

/** Keeps what a page looks like in the folder that SCREENSHOTS names, for people to look at. */
export async function shot(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** Waits until an element's text is as expected. */
export async function shows(page, selector, expected, patience = LIVE) {
  let last;
  const is = (text) => (expected instanceof RegExp ? expected.test(text) : text === expected);
  try {
    return await eventually(selector, async () => {
      const all = await page.locator(selector).allInnerTexts();
      last = all;
      return all.some(is) && all.find(is);
    }, patience);
  } catch {
    throw new Error(`${selector}: expected ${expected}, found ${JSON.stringify(last)}; ${JSON.stringify(page.seen.complaints)}`);
  }
}
