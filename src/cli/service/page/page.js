// The status page: what it knows, when it asks again, and what it then shows. It only reads.

import { Link, CallError } from "./link.js";
import { Reader } from "./reader.js";
import { address, amount, count, duration, plain } from "./text.js";
import * as view from "./view.js";

const { find, say, sayOrHide } = view;

/** Milliseconds between two reads of the same: what the service knows by itself, what it asks the node, and if it is urgent. */
const SOON = 1_000;
const CHAIN = 10_000;
const URGENT = 2_000;
/** How old figures of the chain get if nothing happens. */
const STALE = 30_000;
/** How many rows: of payers by cover, of our chequebooks by state, of beneficiaries, of transactions, of events. */
const PAYERS = 25;
const BOOKS = 20;
const BENEFICIARIES = 50;
const TRANSACTIONS = 20;
const EVENTS = 30;
/** The most that the service lists at once. */
const PAGE = 1000;
/** How often news is read out. */
const NEWS = 10_000;
/** Codes of the service. */
const TOO_FAST = -31051;
const UNREACHABLE = -31007;
/** An answer that tells no amount does not tell that there is nothing. */
const UNREADABLE = "the answer cannot be understood";

/** All that is shown. */
const empty = () => ({
  status: undefined,
  trouble: undefined, // why the chain cannot be seen
  books: new Map(), // by address
  standing: new Map(), // state and deadline of our chequebooks
  pages: new Map(), // beneficiaries that were asked for
  exposure: [],
  list: undefined, // uncashed by payer; nothing if there are too many to list
  open: [],
  history: [],
  events: [],
  read: new Map(), // when each part was read
  problems: new Map(), // why one was not
});
let data = empty();
let link = { name: "connecting" };
let unheard = [];
let heardAt = 0;
let begun = 0; // when this connection was live

/* READING */

const isLooking = () => link.name === "live" && !document.hidden;

/** A reader of a part. What fails is said in its section, which keeps what was read before. */
function part(name, read) {
  const reader = new Reader(async () => {
    const began = Date.now();
    const of = data;
    const unless = (work) => data === of && work(); // the token was forgotten meanwhile
    try {
      const isWhole = await read(of);
      unless(() => {
        if (isWhole !== false) of.read.set(name, began);
        of.problems.delete(name);
        render();
      });
    } catch (error) {
      if (!(error instanceof CallError)) {
        if (link.name === "live") console.warn(`${name}: ${plain(error.message)}`);
        return; // the connection: it is said at the top
      }
      if (error.code === TOO_FAST) reader.want(URGENT);
      else of.problems.set(name, plain(error.message));
      unless(render);
    }
  }, isLooking);
  return reader;
}

const rows = (answer) => (Array.isArray(answer) ? answer.filter((row) => typeof row === "object" && row) : []);
const ask = (method, params) => connection.call(method, params);
const limited = (seconds) => (typeof seconds === "number" && seconds >= 0 ? seconds : undefined);

const readers = {
  books: part("books", async (data) => {
    const books = new Map();
    for (const row of rows(await ask("chequebook_chequebooks", []))) {
      const key = address(row.chequebook);
      const { chequebook, asset } = row;
      const amounts = ["funded", "issued", "available", "pending", "paid", "liabilities"].map((name) => [name, amount(row[name])]);
      if (key) books.set(key, { key, chequebook, asset: plain(asset, 80), ...Object.fromEntries(amounts) });
    }
    data.books = books;
    if ([...books.keys()].slice(0, BOOKS).some((key) => !data.standing.has(key))) readers.standing.want();
    for (const [key, page] of data.pages) if (page.isOpen && page.rows.length <= PAGE) beneficiaries(key, 0);
  }),

  standing: part("standing", async (data) => {
    const found = new Map();
    for (const { key, chequebook } of [...data.books.values()].slice(0, BOOKS)) {
      try {
        const { state, killableAt } = (await ask("chequebook_verify", [chequebook])) ?? {};
        found.set(key, { state, killableAt: limited(killableAt) });
      } catch (error) {
        if (!(error instanceof CallError) || [UNREACHABLE, TOO_FAST].includes(error.code)) throw error;
        found.set(key, {}); // as one that is not created
      }
    }
    data.standing = found;
  }),

  exposure: part("exposure", async (data) => {
    const all = rows(await ask("chequebook_exposure", [PAYERS]));
    if (all.some((row) => !address(row.chequebook) || amount(row.uncashed) === undefined)) throw new CallError(0, UNREADABLE);
    data.exposure = all.map((row) => ({
      key: address(row.chequebook),
      chequebook: row.chequebook,
      beneficiaries: count(row.beneficiaries) ?? 1,
      uncashed: amount(row.uncashed),
      balance: amount(row.balance),
      state: row.state ?? undefined,
      killableAt: limited(row.killableAt),
    }));
    return data.exposure.every((row) => row.balance !== undefined);
  }),

  list: part("list", async (data) => {
    const all = rows(await ask("chequebook_list", [0, PAGE]));
    const payers = new Map();
    for (const row of all) {
      const key = address(row.chequebook);
      const uncashed = amount(row.uncashed);
      if (!key || uncashed === undefined) throw new CallError(0, UNREADABLE);
      if (uncashed === 0n) continue;
      const payer = payers.get(key) ?? { key, chequebook: row.chequebook, beneficiaries: 0, uncashed: 0n };
      payer.beneficiaries += 1;
      payer.uncashed += uncashed;
      payers.set(key, payer);
    }
    data.list = all.length < PAGE ? [...payers.values()] : undefined;
    const known = new Set(data.exposure.map((row) => row.key));
    if (largest(data).some((row) => !known.has(row.key))) readers.exposure.want(URGENT);
  }),

  transactions: part("transactions", async (data) => {
    data.open = transactions(await ask("chequebook_transactions", { limit: PAGE }));
    // Those that are shown again, because a reorganisation may change them, and what came since.
    const first = data.history.at(-TRANSACTIONS) ?? data.history[0];
    let after = first ? first.nonce - 1 : await nearEnd();
    let found = [];
    for (let page; page === undefined || page.length === PAGE; after = page.at(-1)?.nonce) {
      page = transactions(await ask("chequebook_transactions", { final: true, limit: PAGE, ...(after >= 0 ? { after } : {}) }));
      found = [...found, ...page].slice(-PAGE);
    }
    data.history = found;
  }),
};

const transactions = (answer) =>
  rows(answer).filter((row) => count(row.nonce) !== undefined).map((row) => ({ ...row, amount: amount(row.amount) }));

/** A nonce shortly before those of the last final transactions: the history can only be read from its beginning on, and is long. */
async function nearEnd() {
  const isAfter = async (nonce) =>
    rows(await ask("chequebook_transactions", { final: true, after: nonce, limit: 1 })).length > 0;
  let [low, high] = [0, PAGE];
  while (high < Number.MAX_SAFE_INTEGER / 2 && (await isAfter(high))) [low, high] = [high, high * 2];
  while (high - low > PAGE) {
    const middle = Math.floor((low + high) / 2);
    if (await isAfter(middle)) low = middle;
    else high = middle;
  }
  return low - PAGE;
}

/** Reads the beneficiaries of a chequebook: those that are shown again, or more of them. */
async function beneficiaries(key, more) {
  const of = data;
  const book = of.books.get(key);
  const page = of.pages.get(key) ?? { rows: [], hasMore: false };
  of.pages.set(key, page);
  page.isOpen = true;
  if (!book || page.isReading) return;
  page.isReading = true;
  try {
    const limit = more ? BENEFICIARIES : Math.min(PAGE, Math.max(BENEFICIARIES, page.rows.length));
    const after = more && page.rows.length ? { after: page.rows.at(-1).beneficiary } : {};
    const answer = await ask("chequebook_liabilities", { chequebook: book.chequebook, limit, ...after });
    const found = rows(answer?.beneficiaries).filter((row) => address(row.beneficiary));
    const all = found.map((row) => ({ beneficiary: row.beneficiary, issued: amount(row.issued) }));
    page.rows = more ? [...page.rows, ...all] : all;
    page.hasMore = all.length === limit;
    page.problem = undefined;
  } catch (error) {
    if (error instanceof CallError) page.problem = `Not read: ${plain(error.message)}`;
  }
  page.isReading = false;
  if (data === of) render();
}

const assetOf = (contract) => data.books.get(address(contract))?.asset ?? plain(data.status?.asset, 80);

/** Those that owe the most. */
function largest(data) {
  const known = new Map(data.exposure.map((row) => [row.key, row]));
  const chain = ({ key }) => {
    const { balance, state, killableAt } = known.get(key) ?? {};
    return { balance, state, killableAt };
  };
  const all = data.list?.map((row) => ({ ...row, ...chain(row) })) ?? data.exposure;
  return all.toSorted((a, b) => (a.uncashed < b.uncashed) - (a.uncashed > b.uncashed)).slice(0, PAYERS);
}

/* HEARING */

/** What is read again after an event; after one that is not known, everything. */
const AFTER = {
  chequeIssued: () => readers.books.want(URGENT),
  chequeReceived: () => readers.list.want(SOON),
  chequeKept: () => readers.list.want(SOON),
  transactionFinal: () => readers.transactions.want(SOON),
};

function hear(event) {
  if (typeof event !== "object" || !event) return;
  const name = plain(event.event, 40);
  if (name === "chainTrouble") data.trouble = plain(event.reason) || "it does not answer";
  if (name === "chainSeen" || name === "lost") data.trouble = undefined;
  const told = { at: Date.now(), text: view.eventText(event, assetOf(event.contract)) };
  data.events = [told, ...data.events].slice(0, EVENTS);
  unheard.push(told.text);
  if (unheard.length > EVENTS) unheard.shift();
  if (Object.hasOwn(AFTER, name)) AFTER[name]();
  else everything(URGENT);
  showSoon.want(SOON / 2);
}

/** Shows events that come in thousands a second twice a second. */
const showSoon = new Reader(async () => render(), () => true);

function everything(gap) {
  for (const [name, reader] of Object.entries(readers)) reader.want(["list", "transactions"].includes(name) ? Math.min(gap, SOON) : gap);
}

function beat(status) {
  data.status = typeof status === "object" && status ? status : {};
  readers.list.want(SOON);
  readers.transactions.want(SOON);
  const old = (name) => Date.now() - Math.max(data.read.get(name) ?? 0, begun) > STALE;
  for (const name of ["books", "standing", "exposure"]) if (old(name)) readers[name].want(CHAIN);
  render();
}

/** What the token may do besides reading: whoever has this page has that, too. */
function begin(granted) {
  const scopes = plain(granted?.scopes ?? "").split(",").filter((scope) => scope && scope !== "read");
  sayOrHide(find("scopes"), scopes.length ? `This token may also do more: ${scopes.join(", ")}. Use one that can only read.` : undefined);
  data.trouble = undefined;
  begun = Date.now();
  data.history = []; // the service may have another store now
  find("ask").hidden = true;
  find("figures").hidden = false;
  find("forget").hidden = !connection.hasToken;
  everything(0);
}

/* SHOWING */

const SECTIONS = { payer: ["books", "standing"], payee: ["exposure", "list"], transactions: ["transactions"] };

function render() {
  const books = [...data.books.values()].map((book) => ({ ...book, ...data.standing.get(book.key) }));
  const isRead = (name) => data.read.has(name);
  view.keyed(find("books"), books, (book) => book.key, (book) => {
    const card = view.bookCard(book, (more) => beneficiaries(book.key, more));
    card.parts.details.addEventListener("toggle", () => {
      const page = data.pages.get(book.key);
      if (page) page.isOpen = card.parts.details.open;
    });
    return card;
  }, (card, book) => {
    view.sayBook(card, book);
    view.sayBeneficiaries(card, data.pages.get(book.key) ?? { rows: [] }, book.asset);
  });
  for (const [section, parts] of Object.entries(SECTIONS)) {
    const problems = new Set(parts.map((name) => data.problems.get(name)).filter(Boolean));
    sayOrHide(find(`${section}-problem`), problems.size ? `Not read again: ${[...problems].join("; ")}` : undefined);
  }
  find("payer-none").hidden = !isRead("books") || books.length > 0;

  const payers = largest(data);
  const total = (data.list ?? data.exposure).reduce((sum, row) => sum + row.uncashed, 0n);
  const asset = plain(data.status?.asset, 80);
  view.keyed(find("payers"), payers, (payer) => payer.key, view.payerCard, (card, payer) => view.sayPayer(card, payer, asset, total));
  find("payee-none").hidden = !isRead("list") || payers.length > 0;
  const more = data.list === undefined && isRead("list")
    ? `The ${payers.length} that owe the most, of more than can be listed.`
    : (data.list?.length ?? 0) > PAYERS ? `The ${PAYERS} that owe the most, of ${data.list.length}.` : undefined;
  sayOrHide(find("payee-more"), more);
  view.sayTotal(find("payee-total"), payers.length && data.list ? total : undefined, asset);

  const final = new Set(data.history.map((one) => one.nonce));
  const all = [...data.history, ...data.open.filter((one) => !final.has(one.nonce))].sort((a, b) => b.nonce - a.nonce);
  const last = all.slice(0, TRANSACTIONS);
  view.keyed(find("transaction-rows"), last, (one) => one.nonce, view.transactionRow,
    (row, one) => view.sayTransaction(row, one, assetOf(one.chequebook)));
  find("transactions").hidden = last.length === 0;
  find("transactions-none").hidden = !isRead("transactions") || last.length > 0;
  const open = count(data.status?.openTransactions) ?? 0;
  sayOrHide(find("transactions-more"), open ? `${open} under way in all.` : undefined);

  find("events-none").hidden = data.events.length > 0;
  view.keyed(find("events"), data.events, (event) => event, view.eventRow, () => {});

  const { version, chainId, account } = data.status ?? {};
  say(find("about"), data.status ? `Version ${plain(version, 30)}, chain ${plain(chainId, 20)}, account ${plain(account, 60)}.` : "");
  renderLink();
}

/** How the connection and the chain stand, and how old that is. */
function renderLink() {
  const names = {
    connecting: ["plain", "Connecting…"],
    live: ["good", "Live"],
    denied: ["plain", "Waiting for a token"],
    lost: ["bad", "The connection is lost"],
  };
  const [kind, text] = names[link.name];
  find("link").className = `badge ${kind}`;
  say(find("link"), text);
  const { status, trouble } = data;
  const isUnseen = link.name === "live" && (trouble !== undefined || status?.chainSeen === false);
  const isUnready = link.name === "live" && status?.ready === false;
  const chain = isUnseen
    ? `The chain cannot be seen${trouble ? `: ${trouble}` : ""}`
    : isUnready ? "The service is not ready: it stops, or its store has failed" : undefined;
  find("chain").className = "problem";
  sayOrHide(find("chain"), chain);
  find("again").hidden = link.name !== "lost";
  const now = Date.now();
  const read = [...data.read.values()];
  const age = read.length ? `What you see is ${duration((now - Math.min(...read)) / 1000, 2)} old.` : "";
  const next = link.name === "lost" ? ` Trying again in ${duration(Math.max(0, link.at - now) / 1000 + 1, 1)}.` : "";
  say(find("age"), age + next);
}

function renderNews() {
  const now = Date.now();
  if (!unheard.length || now - heardAt < NEWS) return;
  heardAt = now;
  const last = unheard.at(-1);
  say(find("news"), unheard.length === 1 ? last : `${unheard.length} things happened, the last one: ${last}`);
  unheard = [];
}

/* STARTING */

function state(changed) {
  link = changed;
  if (changed.name === "denied") {
    // Whoever may not read any more sees nothing any more.
    data = empty();
    unheard = [];
    find("figures").hidden = true;
    find("forget").hidden = true;
    find("scopes").hidden = true;
    say(find("news"), "");
    find("ask").hidden = false;
    sayOrHide(find("refused"), changed.reason && `It was refused: ${plain(changed.reason)}`);
    render();
    if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) find("token").focus();
  }
  renderLink();
}

const connection = new Link({ state, begin, beat, event: hear });

find("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = find("token").value.trim();
  find("token").value = "";
  if (token) connection.connect(token);
});
find("forget").addEventListener("click", () => connection.forget());
find("again").addEventListener("click", () => connection.connect());
addEventListener("online", () => link.name === "lost" && connection.connect());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (link.name === "lost") connection.connect();
  else everything(SOON);
});
setInterval(() => {
  view.tick();
  renderLink();
  renderNews();
}, 1_000);
connection.connect();
