// The status page in a real Chromium, before the built program, against anvil: what it shows, and what it never does.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { formatEther } from "ethers";
import { ADDRESSES, Alice, Bob, Browser, Carol, World, eventually, pause, root, shot, shows } from "./world.mjs";

let world;
let browser;
let alices; // her chequebook
before(async () => {
  [world, browser] = await Promise.all([World.start(), Browser.start()]);
  alices = await create(Alice, "1ether");
});
after(async () => {
  await browser?.stop();
  await world?.stop();
});

// A test that fails takes no other with it.
afterEach(async () => {
  world.lie = undefined;
  await world.rpc("evm_setAutomine", [true]);
  await world.rpc("evm_mine");
  await world.stopServices();
});

const create = async (who, deposit, ...more) => (await world.json(who, "create", "--deposit", deposit, "--yes", ...more)).chequebook;
const salt = (number) => ["--salt", `0x${number.toString(16).padStart(64, "0")}`];
/** The figures of Alice's chequebook, in ether, as the service has them: each test can run alone. */
async function figures(service, token) {
  const [book] = await service.call("chequebook_chequebooks", [], token);
  const ether = (wei) => `${formatEther(wei).replace(/\.0$/, "")} ether`;
  return { ...book, funded: ether(book.funded), issued: ether(book.issued) };
}
const fact = (name) => `#books .${name} dd`;
const DAY = 86_400;

/** What no page may do, whatever it shows. */
function nothingElse(page, url) {
  assert.deepEqual(page.seen.complaints, [], "no complaint, and no violation of the policy");
  const { host } = new URL(url);
  assert.ok(page.seen.requests.length >= 6);
  for (const one of page.seen.requests) assert.ok(one.startsWith("data:,") || new URL(one).host === host, one);
  for (const one of page.seen.sockets) assert.equal(one, `ws://${host}/`);
  const spends = /chequebook_(issue|cash|deposit|withdraw|announceKill|cancelKill|kill|latest|receive|reprice|cancelTransaction)\b/;
  for (const one of page.seen.sent) assert.doesNotMatch(one, spends);
}

/** All that a page holds which somebody else could read. */
const held = (page) =>
  page.evaluate(() => {
    const values = [...document.querySelectorAll("input")].map((input) => input.value);
    return [document.documentElement.outerHTML, ...values, location.href, document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), history.length && JSON.stringify(history.state)].join("\n");
  });

test("a real Chromium runs", () => {
  assert.match(browser.version, /^\d+\.\d+/);
  writeFileSync(join(root, "target/test-page-browser"), `${browser.version}\n`);
});

test("a payer's figures are right, and change without a reload", async () => {
  const chequebook = alices;
  await world.run(Alice, "issue", ADDRESSES[Bob], "0.1ether");
  await world.run(Alice, "issue", ADDRESSES[Carol], "250000000000000001wei");
  const spend = await world.token(Alice, "spend", "spend,end");
  const service = await world.serve(Alice);
  const page = await browser.open(service.url);
  await shows(page, "#link", "Live");
  await shows(page, "#books h3", chequebook);
  await shows(page, fact("available"), "0.649999999999999999 ether");
  await shows(page, fact("liabilities"), "0.350000000000000001 ether");
  await shows(page, fact("issued"), "0.350000000000000001 ether");
  await shows(page, fact("funded"), "1 ether");
  await shows(page, fact("paid"), "0 ether");
  await shows(page, "#books .badge", "alive");
  await shows(page, "#books .legend", "35.0 % of what is there is promised");
  const [part, whole] = await page.evaluate(() => [".part", ".bar"].map((name) => document.querySelector(`#books ${name}`).clientWidth));
  await eventually("the bar is as long as it says", async () => Math.abs(part / whole - 0.35) < 0.02);
  await shows(page, "#payee-none", "Nothing is uncashed.");
  await shows(page, "#transaction-rows tr:first-child", /create\s+1 ether\s+final/);
  await page.evaluate(() => (window.same = true));

  // Without the mouse, and what is open stays open when figures change.
  await page.locator("#books summary").focus();
  await page.keyboard.press("Enter");
  await shows(page, "#books tbody tr", new RegExp(`${ADDRESSES[Bob]}\\s+0.1 ether`, "i"));
  await shows(page, "#books tbody tr", new RegExp(`${ADDRESSES[Carol]}\\s+0.250000000000000001 ether`, "i"));

  await service.call("chequebook_issue", [ADDRESSES[Bob], "5"], spend);
  await shows(page, fact("available"), "0.649999999999999994 ether");
  await shows(page, "#books tbody tr", new RegExp(`${ADDRESSES[Bob]}\\s+0.100000000000000005 ether`, "i"));
  await shows(page, "#events li", /Cheque issued: 0.000000000000000005 ether more to 0x709979/i);
  await shows(page, "#news", /Cheque issued/);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY", "the focus stays");

  const hash = await service.call("chequebook_deposit", ["2000000000000000000"], spend);
  await shows(page, fact("funded"), "3 ether");
  await shows(page, "#transaction-rows tr:first-child", /deposit\s+2 ether\s+final/);
  await shows(page, "#transaction-rows tr:first-child .hash", hash);
  await shows(page, "#events li", /Deposit final: 2 ether/);

  await service.call("chequebook_announceKill", [chequebook], spend);
  await shows(page, "#books .badge", "ending");
  const left = await shows(page, "#books .left", /^\d+ (d|h) .* left$/);
  await shot(page, "payer");
  await eventually("it counts down", async () => (await page.locator("#books .left").innerText()) !== left);
  await service.call("chequebook_cancelKill", [chequebook], spend);
  await shows(page, "#books .badge", "alive");
  assert.equal(await page.locator("#books .deadline").isVisible(), false);

  assert.equal(await page.evaluate(() => window.same), true, "it was not loaded again");
  nothingElse(page, service.url);
  await page.close();
  await service.stop();
});

test("a payee sees who owes, whether it is covered, and until when", async () => {
  const [one, two] = [await create(Carol, "1ether", ...salt(7), "--notice", "2d"), await create(Carol, "3ether", ...salt(8))];
  const issue = async (book, amount) => JSON.parse(await world.run(Carol, "issue", "--chequebook", book, ADDRESSES[Bob], amount));
  const service = await world.serve(Bob);
  const page = await browser.open(service.url);
  await shows(page, "#link", "Live");
  await shows(page, "#payer-none", "This service pays from no chequebook.");
  await shows(page, "#payee-none", "Nothing is uncashed.");
  await service.call("chequebook_receive", [await issue(one, "0.25ether")]);
  await shows(page, "#payers .uncashed", "0.25 ether");
  await service.call("chequebook_receive", [await issue(two, "0.75ether")]);
  await shows(page, "#payers .uncashed", "0.75 ether");
  await shows(page, "#payee-total", "Uncashed in all: 1 ether");
  const cards = page.locator("#payers .card");
  await eventually("the largest is first", async () => (await cards.first().innerText()).includes(two));
  await shows(page, "#payers .card:first-child .legend", "75.0 % of all that is uncashed");
  await shows(page, "#payers .card:first-child .cover", "Covered: its balance is 3 ether.");
  await shows(page, "#payers .card:last-child h3", one);
  await shows(page, "#payers .card:last-child .badge", "alive");
  await shows(page, "#events li", /Cheque received: 0.75 ether more/);

  // Blocks stand still, so that what the wallet does against it stays under way.
  await world.rpc("evm_setAutomine", [false]);
  const announced = world.run(Carol, "announce-kill", "--chequebook", one, "--yes", "--wait", "included");
  await eventually("it is sent", async () => BigInt((await world.rpc("txpool_status")).pending) > 0n);
  await world.rpc("evm_mine");
  await shows(page, "#payers .card:last-child .badge", "ending");
  const text = await shows(page, "#payers .card:last-child .deadline", /End announced: (1 d 23 h 59 min \d+ s|2 d 0 h 0 min 0 s) left \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)/);
  const at = await page.locator("#payers .card:last-child time").getAttribute("datetime");
  const block = await world.rpc("eth_getBlockByNumber", ["latest", false]);
  assert.ok(Math.abs(Date.parse(at) / 1000 - Number(block.timestamp) - 2 * DAY) <= 5, `${at} ${text}`);
  const before = await page.locator("#payers .card:last-child .left").innerText();
  await pause(3_100);
  const later = await page.locator("#payers .card:last-child .left").innerText();
  const seconds = (words) => [...words.matchAll(/(\d+) (d|h|min|s)/g)].reduce((sum, [, many, unit]) => sum + many * { d: DAY, h: 3600, min: 60, s: 1 }[unit], 0);
  // It is said once a second, at some moment within it.
  assert.ok([2, 3, 4].includes(seconds(before) - seconds(later)), `${before}, then ${later}`);
  await shows(page, "#transaction-rows tr:first-child", /cash\s+0.25 ether\s+pending/);
  await shot(page, "payee");
  await world.rpc("evm_setAutomine", [true]);
  await world.rpc("evm_mine");
  await announced;
  await eventually("what was cashed is gone", async () => (await cards.count()) === 1);
  await shows(page, "#payee-total", "Uncashed in all: 0.75 ether");
  await shows(page, "#events li", /Cashed: 0.25 ether/);
  nothingElse(page, service.url);
  await page.close();
  await service.stop();
});

test("what is not covered is said so", async () => {
  const book = await create(Carol, "1ether", ...salt(9));
  const service = await world.serve(Bob);
  const page = await browser.open(service.url);
  await service.call("chequebook_receive", [JSON.parse(await world.run(Carol, "issue", "--chequebook", book, ADDRESSES[Bob], "1ether"))]);
  await shows(page, "#payers .card:first-child .cover", "Covered: its balance is 1 ether.");
  await world.rpc("anvil_setBalance", [book, "0x1"]);
  await world.rpc("evm_mine"); // the wallet looks at blocks
  await page.reload();
  await shows(page, "#payers .card:first-child .cover", "NOT COVERED: its balance is 0.000000000000000001 ether.", 40_000);
  assert.equal(await page.locator("#payers .card:first-child .bar.bad").count(), 1);
  await shot(page, "not-covered");
  nothingElse(page, service.url);
  await page.close();
  await service.stop();
});

test("a token is asked for, shown first, and kept nowhere", async () => {
  const [read, more] = [await world.token(Alice, "page", "read"), await world.token(Alice, "more", "read,spend")];
  const spend = await world.token(Alice, "only", "spend");
  const service = await world.serve(Alice, { settings: ["require_token=true"] });
  const page = await browser.open(service.url);
  await shows(page, "#link", "Waiting for a token");
  assert.equal(await page.locator("#figures").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  const type = async (token) => {
    await page.locator("#token").focus();
    await page.keyboard.type(token);
    await page.keyboard.press("Enter");
  };
  const wrong = `cbt_${"0".repeat(64)}`;
  for (const [token, why] of [[wrong, /refused: the token is unknown, expired or revoked/], ["nonsense", /refused: this is no token/], [spend, /refused: token only has no scope read/]]) {
    await type(token);
    await shows(page, "#refused", why);
    assert.equal(await page.locator("#figures").isVisible(), false);
    assert.ok(!(await held(page)).includes(token));
  }
  await shot(page, "token");
  page.seen.sent.length = 0;
  await type(read);
  await shows(page, "#link", "Live");
  await shows(page, fact("funded"), (await figures(service, more)).funded);
  const [first] = page.seen.sent;
  assert.deepEqual(JSON.parse(first).params, [read], "the first message shows the token");
  assert.equal(JSON.parse(first).method, "chequebook_authenticate");
  assert.ok(!(await held(page)).includes(read.slice(4)), "the token is nowhere");
  for (const one of [...page.seen.requests, ...page.seen.sockets]) assert.ok(!one.includes("cbt_"), one);
  assert.equal(await page.locator("#scopes").isVisible(), false);

  // Revoked, it shows nothing any more.
  await world.run(Alice, "token", "revoke", "page");
  await shows(page, "#refused", /unknown, expired or revoked/);
  assert.equal(await page.locator("#books .card").count(), 0);
  await type(more);
  await shows(page, "#scopes", /may also do more: spend/);
  await page.getByRole("button", { name: "Forget the token" }).focus();
  await page.keyboard.press("Enter");
  await shows(page, "#link", "Waiting for a token");
  assert.equal(await page.locator("#books .card").count(), 0);

  // Reloading forgets it, too.
  await type(more);
  await shows(page, "#link", "Live");
  await page.reload();
  await shows(page, "#link", "Waiting for a token");
  nothingElse(page, service.url);
  await page.close();
  await service.stop();
});

test("it comes back by itself, and says meanwhile how old it is", async () => {
  const service = await world.serve(Alice);
  const { funded } = await figures(service);
  const page = await browser.open(service.url);
  await shows(page, fact("funded"), funded);
  await service.stop("SIGKILL");
  await shows(page, "#link", "The connection is lost");
  await shows(page, "#age", /What you see is \d+ s old. Trying again in \d+ s./);
  assert.equal(await page.locator(fact("funded")).innerText(), funded, "what was read is still there");
  await pause(3_000);
  await shows(page, "#age", /What you see is (?:[3-9]|\d\d) s old/);
  await shot(page, "lost");
  const button = page.getByRole("button", { name: "Connect now" });
  await world.run(Alice, "issue", ADDRESSES[Bob], "3wei");
  const again = await world.serve(Alice, { port: service.port });
  assert.ok(await eventually("it is live, or can be told to be", async () => (await page.locator("#link").innerText()) === "Live" || (await button.isVisible())));
  await shows(page, "#link", "Live");
  const { issued } = await figures(again);
  assert.match(issued, /[3-9] ether$/);
  await shows(page, fact("issued"), issued);
  assert.equal(await button.isVisible(), false);
  // Only that the connection was lost.
  assert.ok(page.seen.complaints.every((one) => /WebSocket connection to .* failed/.test(one)), page.seen.complaints.join());
  await page.close();
  await again.stop();
});

test("a socket that says nothing is left", async () => {
  const service = await world.serve(Alice);
  let isSilent = false;
  const before = (page) =>
    page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => !isSilent && socket.send(text));
    });
  const page = await browser.open(service.url, { before });
  await shows(page, "#link", "Live");
  isSilent = true;
  await shows(page, "#link", "The connection is lost", 30_000);
  isSilent = false;
  await shows(page, "#link", "Live");
  await page.close();
  await service.stop();
});

const HOSTILE = [
  "<img src=x onerror=alert(1)><script>alert(1)</script>",
  "\u001b[31mred\u0007\u0000\u009b",
  "ether \u202e000.1\u202c \u2066\u200b\ufeff",
  "e" + "\u0301".repeat(5_000),
  "A".repeat(10_240),
  "\u{1f468}\u200d\u{1f469}".repeat(3_000),
  "${alert(1)} {{alert(1)}} javascript:alert(1)",
  "]]>'\"--><svg onload=alert(1)>",
];

/** That nothing of it became more than text. */
async function isOnlyText(page, url) {
  const found = await page.evaluate(() => ({
    foreign: document.querySelectorAll("img, svg, iframe, object, embed, body script, [onerror], [onload], a[href^=javascript]").length,
    hidden: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/.exec(document.body.innerText)?.index,
    marks: /\p{M}{4}/u.test(document.body.innerText),
    longest: Math.max(...[...document.querySelectorAll("body *")].filter((one) => !one.children.length).map((one) => one.textContent.length)),
    wide: document.documentElement.scrollWidth > innerWidth,
  }));
  assert.deepEqual({ ...found, longest: found.longest < 1_200 }, { foreign: 0, hidden: undefined, marks: false, longest: true, wide: false });
  nothingElse(page, url);
}

test("what a node says is text", async () => {
  const service = await world.serve(Bob);
  const page = await browser.open(service.url, { viewport: { width: 360, height: 700 } });
  await shows(page, "#link", "Live");
  world.lie = HOSTILE[0] + HOSTILE[1] + HOSTILE[2];
  try {
    await shows(page, "#chain", /The chain cannot be seen/);
    await isOnlyText(page, service.url);
  } finally {
    world.lie = undefined;
  }
  await eventually("the chain is seen again", async () => !(await page.locator("#chain").isVisible()));
  await page.close();
  await service.stop();
});

test("whatever the service passes on is text, in every field", async () => {
  const service = await world.serve(Alice);
  let hostile = HOSTILE[0];
  /** The same answer with every text in it replaced, but for addresses, so that rows stay rows. */
  const spoil = (value, name) => {
    if (Array.isArray(value)) return value.map((one) => spoil(one, name));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, spoil(one, key)]));
    if (["jsonrpc", "id", "method", "event", "chequebook", "contract", "nonce"].includes(name)) return value;
    return name === "refusal" || typeof value === "string" ? hostile : value;
  };
  const before = (page) =>
    page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => {
        const message = JSON.parse(text);
        const isSubscription = typeof message.result !== "object";
        socket.send(isSubscription && message.id ? text : JSON.stringify({ ...message, ...spoil({ result: message.result, params: message.params }) }));
      });
      const events = () => {
        const event = (one) => socket.send(JSON.stringify({ jsonrpc: "2.0", method: "chequebook_event", params: { subscription: 1, result: one } }));
        event({ event: "chequeKept", contract: hostile, reason: hostile, class: hostile });
        event({ event: "chainTrouble", reason: hostile });
        event({ event: hostile, contract: { [hostile]: hostile } });
        event({ event: "__proto__" });
        event({ event: "constructor", killableAt: "x" });
        event({ event: "endAnnounced", contract: hostile, killableAt: 1e300 });
        for (const one of [null, 7, [], hostile, { event: null }]) event(one);
        for (const one of ["no json", "null", "7", "[]", '{"id":1}', '{"error":{}}', JSON.stringify({ id: hostile, error: { code: hostile, message: hostile } })]) socket.send(one);
        // An error to whatever is asked next, and a row of everything.
      };
      setTimeout(events, 800);
    });
  for (hostile of HOSTILE) {
    const page = await browser.open(service.url, { before, viewport: { width: 360, height: 700 } });
    await shows(page, "#link", "Live");
    await eventually("it is shown", async () => (await page.locator("#events li").count()) >= 5 && (await page.locator("#books .card").count()) > 0);
    await shows(page, fact("available"), "not known");
    if (hostile === HOSTILE[0]) {
      await shows(page, "#events li", /kept, and not acknowledged: <img src=x onerror=alert\(1\)><script>/);
      await shows(page, "#chain", /<img src=x onerror=alert\(1\)>/);
      await shows(page, "#transaction-rows .badge", /<img src=x/);
    }
    await isOnlyText(page, service.url);
    await shot(page, `hostile-${HOSTILE.indexOf(hostile)}`);
    await page.close();
  }
  await service.stop();
});

test("errors of calls are text, and hide nothing else", async () => {
  const service = await world.serve(Alice);
  const before = (page) =>
    page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const { id, method } = JSON.parse(text);
        if (["chequebook_chequebooks", "chequebook_exposure", "chequebook_transactions"].includes(method)) {
          socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -31007, message: HOSTILE[0] } }));
        } else server.send(text);
      });
    });
  const page = await browser.open(service.url, { before });
  for (const section of ["payer", "payee", "transactions"]) await shows(page, `#${section}-problem`, /^Not read again: <img src=x/);
  assert.equal(await page.locator("#payer-none").isVisible(), false, "what is not known is not nothing");
  assert.equal(await page.locator("#transactions-none").isVisible(), false);
  await isOnlyText(page, service.url);
  await page.close();
  await service.stop();
});

test("amounts are exact, and what cannot be read is not nothing", async () => {
  const service = await world.serve(Bob);
  const page = await browser.open(service.url);
  const found = await page.evaluate(async () => {
    const { amount, date, duration, percent, plain, share, shown } = await import("/text.js");
    const most = (2n ** 256n - 1n).toString();
    return {
      amounts: ["0", "1", most, "", "01", "-1", "1.5", "1e3", "0x1", " 1", "٣", "1".repeat(79), 5, null].map((one) => amount(one)?.toString()),
      shown: [0n, 1n, 10n ** 18n, 10n ** 18n + 1n, 10n ** 17n, BigInt(most)].map((one) => shown(one, "ether").join(" ")),
      token: [shown(BigInt(most), "token 0x1").join(" "), shown(undefined, "ether")[0]],
      shares: [[0n, 0n], [1n, 0n], [1n, 3n], [999n, 1000n], [2n, 1n], [BigInt(most) - 1n, BigInt(most)]].map(([a, b]) => percent(share(a, b))),
      durations: [0, 59, 60, 3_661, 90_061, -5].map((one) => duration(one)),
      dates: [0, 253402300799, 253402300800, NaN, 1e300].map(date),
      plain: [plain("a\u202eb\u0000\n"), plain(undefined), plain({}), plain("x".repeat(201)).length],
    };
  });
  const most = (2n ** 256n - 1n).toString();
  assert.deepEqual(found, {
    amounts: ["0", "1", most, ...Array(11).fill(undefined)],
    shown: ["0 ether", "0.000000000000000001 ether", "1 ether", "1.000000000000000001 ether", "0.1 ether", `${most.slice(0, -18)}.${most.slice(-18)} ether`],
    token: [`${most} units`, "not known"],
    shares: ["0.0 %", "100.0 %", "33.3 %", "99.9 %", "100.0 %", "99.9 %"],
    durations: ["0 s", "59 s", "1 min 0 s", "1 h 1 min 1 s", "1 d 1 h 1 min 1 s", "0 s"],
    dates: ["1970-01-01 00:00:00 UTC", "9999-12-31 23:59:59 UTC", ...Array(3).fill("after the year 9999")],
    plain: ["a\ufffdb\ufffd ", "", "", 201],
  });
  await page.close();

  // An amount that cannot be read is said to be so.
  await service.call("chequebook_receive", [JSON.parse(await world.run(Alice, "issue", ADDRESSES[Bob], "1wei"))]);
  const before = (page) =>
    page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => socket.send(text.replace(/"uncashed":"\d+"/g, '"uncashed":"1e18"')));
    });
  const spoilt = await browser.open(service.url, { before });
  await shows(spoilt, "#payee-problem", "Not read again: the answer cannot be understood");
  assert.equal(await spoilt.locator("#payee-none").isVisible(), false);
  await isOnlyText(spoilt, service.url);
  await spoilt.close();
  await service.stop();
});

test("a long history is shown from its end", async () => {
  const service = await world.serve(Alice);
  const last = 12_345;
  const row = (nonce) => ({ purpose: "deposit", chequebook: null, beneficiary: null, amount: "7", nonce, transaction: `0x${"0".repeat(64)}`, status: "final", block: 1, cancelled: false, refusal: null });
  let asked = 0;
  let more = 0;
  const before = (page) =>
    page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const { id, method, params } = JSON.parse(text);
        if (method !== "chequebook_transactions") return server.send(text);
        asked += 1;
        const from = (params.after ?? -1) + 1;
        const many = params.final ? Math.max(0, Math.min(params.limit, last + more - from + 1)) : 0;
        const result = Array.from({ length: many }, (_, index) => row(from + index));
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
      });
    });
  const page = await browser.open(service.url, { before });
  await shows(page, "#transaction-rows th", String(last));
  assert.equal(await page.locator("#transaction-rows tr").count(), 20);
  assert.ok(asked <= 16, `it asks ${asked} times`);
  more = 3;
  await shows(page, "#transaction-rows th", String(last + 3));
  asked = 0;
  more = 4;
  await shows(page, "#transaction-rows th", String(last + 4));
  assert.ok(asked <= 4, `it asks ${asked} times for what is new`);
  nothingElse(page, service.url);
  await page.close();
  await service.stop();
});

test("the policy of the page holds whatever its code does, and foreign pages get nothing", async () => {
  const service = await world.serve(Alice);
  const { headers } = await fetch(service.url);
  const policy = headers.get("content-security-policy");
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) assert.ok(policy.split("; ").includes(part), part);
  assert.deepEqual(["x-content-type-options", "referrer-policy", "cache-control"].map((name) => headers.get(name)), ["nosniff", "no-referrer", "no-store"]);
  for (const file of ["page.js", "link.js", "reader.js", "view.js", "text.js"]) {
    assert.equal((await fetch(service.url + file)).headers.get("content-type"), "text/javascript; charset=utf-8");
  }
  const page = await browser.open(service.url);
  await shows(page, "#link", "Live");
  const tried = await page.evaluate(async () => {
    const tries = {
      html: () => (document.body.innerHTML = "<b>x</b>"),
      inline: () => {
        const script = document.createElement("script");
        script.textContent = "window.bad = 1";
        document.body.append(script);
      },
      foreign: () => fetch("http://127.0.0.1:1/"),
      image: () => new Promise((_, fail) => Object.assign(new Image(), { onerror: fail, src: "/openrpc.json" })),
      call: () => fetch("/", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).then((answer) => {
        if (answer.status === 403) throw new Error();
      }),
    };
    const worked = [];
    for (const [name, work] of Object.entries(tries)) {
      try {
        await work();
        worked.push(name);
      } catch {
        // as it should be
      }
    }
    return [worked, window.bad];
  });
  assert.deepEqual(tried, [[], undefined]);
  await page.close();

  // A page of another service on this machine opens no socket here, and shows this one in no frame.
  const other = await world.serve(Bob);
  const foreign = await browser.open(`${other.url}healthz`);
  const opened = await foreign.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"));
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  }), service.url);
  assert.equal(opened, "refused");
  const framed = await foreign.evaluate((url) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    frame.onload = () => {
      try {
        resolve(frame.contentWindow.location.href === "about:blank" ? "blank" : "shown");
      } catch {
        resolve("foreign");
      }
    };
    document.body.append(frame);
  }), service.url);
  const inside = foreign.frames().at(-1);
  assert.ok(!inside.url().startsWith("http") || (await inside.locator("#link").count()) === 0, framed);
  await foreign.close();
  await Promise.all([service.stop(), other.stop()]);
});

/** The contrast of two colours, by WCAG. */
const contrast = (page, selector) =>
  page.evaluate((selector) => {
    const parse = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
      const colour = parse(getComputedStyle(element).backgroundColor);
      return colour[3] === 0 ? (element.parentElement ? ground(element.parentElement) : [255, 255, 255]) : colour;
    };
    return Math.min(...[...document.querySelectorAll(selector)].filter((one) => one.checkVisibility()).map((element) => {
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    }));
  }, selector);

test("it is readable in light and dark, wide and narrow, without a mouse and without motion", async () => {
  const service = await world.serve(Alice);
  const grounds = new Set();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1400]) {
      const page = await browser.open(service.url, { colorScheme, reducedMotion: "reduce", viewport: { width, height: 800 } });
      await shows(page, fact("funded"), (await figures(service)).funded);
      await shows(page, "#transaction-rows .badge", "final");
      grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} is wide enough`);
      const out = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility() && one.id !== "news" && !one.matches(".unseen") && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 100)));
      assert.deepEqual(out, [], "nothing is cut off");
      assert.ok((await contrast(page, "body, p, h1, h2, h3, dt, dd, .badge, th, td, summary, footer")) >= 4.5, colorScheme);
      assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector(".part")).transitionDuration), "0s");
      await shot(page, `${colorScheme}-${width}`);
      if (width === 1400) {
        // Everything that does something is reached by the Tab key, in order, and seen when it is.
        const reached = [];
        for (let step = 0; step < 4; step++) {
          await page.keyboard.press("Tab");
          reached.push(await page.evaluate(() => {
            const { activeElement: one } = document;
            return one === document.body ? undefined : `${one.tagName} ${getComputedStyle(one).outlineStyle}`;
          }));
          if (!step) {
            assert.ok(await page.locator(".skip").evaluate((link) => link.getBoundingClientRect().left >= 0), "it can be seen");
          }
        }
        assert.deepEqual(reached.slice(0, 2), ["A solid", "SUMMARY solid"]);
        for (const name of ["banner", "main", "contentinfo"]) assert.equal(await page.getByRole(name).count(), 1, name);
        for (const name of ["Paying", "Being paid", "Last transactions"]) assert.equal(await page.getByRole("region", { name }).count(), 1, name);
        assert.ok((await page.getByRole("img").first().getAttribute("aria-label")).includes("promised"));
        assert.equal(await page.evaluate(() => [...document.querySelectorAll("[role=status]")].length), 3);
      }
      nothingElse(page, service.url);
      await page.close();
    }
  }
  assert.equal(grounds.size, 2, "light and dark differ");
  await service.stop();
});
