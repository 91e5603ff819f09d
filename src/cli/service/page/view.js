// Elements, of which each is made once, and changed only where something changed. All text is text: nothing is parsed.

import { LAST_DATE, date, duration, percent, plain, share, short, shown, words } from "./text.js";

export const find = (id) => document.getElementById(id);

/** An element with a class, and with children or text. */
function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** An element that knows its parts by name. */
const withParts = (element, parts) => Object.assign(element, { parts });

/** Says something, unless it is said already: readers of the screen would read it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something, or hides where it would be. */
export function sayOrHide(element, text) {
  say(element, text ?? "");
  element.hidden = !text;
}

/** Digits in threes, which are copied without a gap. */
function digits(text) {
  const [whole, fraction] = text.split(".");
  if (!/^[0-9]{5,}$/.test(whole)) return [text];
  const start = whole.length % 3;
  const groups = [...(start ? [whole.slice(0, start)] : []), ...(whole.slice(start).match(/[0-9]{3}/g) ?? [])];
  const spans = groups.map((group) => make("span", "group", group));
  return fraction === undefined ? spans : [...spans, `.${fraction}`];
}

function sayAmount(element, value, asset) {
  const [number, unit] = shown(value, asset);
  const text = unit ? `${number} ${unit}` : number;
  if (element.textContent !== text) element.replaceChildren(...digits(number), unit && ` ${unit}`);
}

/** Makes the children of an element those of rows, each known by its key: focus and what is open stay. */
export function keyed(parent, rows, key, create, update) {
  const known = (parent.known ??= new Map());
  const keys = new Set(rows.map(key));
  for (const [name, child] of known) {
    if (keys.has(name)) continue;
    child.remove();
    known.delete(name);
  }
  let place = parent.firstElementChild;
  for (const row of rows) {
    const name = key(row);
    let child = known.get(name);
    if (!child) known.set(name, (child = create(row)));
    update(child, row);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/* PARTS */

/** A bar of a share, in words for who does not see it. */
function bar() {
  const part = make("span", "part");
  const element = make("div", "bar", part);
  element.setAttribute("role", "img");
  return element;
}

function sayBar(element, thousandths, label, isBad) {
  element.firstChild.style.width = `${thousandths / 10}%`;
  element.classList.toggle("bad", isBad);
  if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
}

function facts(names) {
  const list = make("dl", "facts");
  const values = {};
  for (const [name, title] of names) {
    values[name] = make("dd");
    list.append(make("div", `fact ${name}`, make("dt", "", title), values[name]));
  }
  return [list, values];
}

/** A deadline, which counts down by `tick`. */
function deadline() {
  const left = make("strong", "left");
  left.setAttribute("role", "timer");
  const time = make("time");
  return withParts(make("p", "deadline", "End announced: ", left, " (", time, ")"), { left, time });
}

function sayDeadline(element, state, killableAt) {
  const isEnding = state === "ending" && killableAt !== undefined;
  element.hidden = !isEnding;
  element.at = isEnding ? killableAt : undefined;
  if (isEnding) {
    say(element.parts.time, date(killableAt));
    if (killableAt <= LAST_DATE) element.parts.time.dateTime = new Date(killableAt * 1000).toISOString();
  }
  tickOne(element);
}

function tickOne(element) {
  if (element.at === undefined) return;
  const left = element.at - Math.floor(Date.now() / 1000);
  say(element.parts.left, left > 0 ? `${duration(left)} left` : "it can end now");
  element.classList.toggle("over", left <= 0);
}

/** Counts all deadlines down. */
export function tick() {
  for (const element of document.querySelectorAll(".deadline")) tickOne(element);
}

function sayBadge(element, kind, text) {
  element.className = `badge ${kind}`;
  say(element, text);
}

const STATES = {
  alive: ["good", "alive"],
  ending: ["bad", "ending"],
  dead: ["bad", "dead"],
  notCreated: ["plain", "not created yet"],
};

function sayState(element, state) {
  const [kind, text] = STATES[Object.hasOwn(STATES, state) ? state : ""] ?? ["plain", state ? plain(state, 30) : "state not known"];
  sayBadge(element, kind, text);
}

/* PAYING */

const BOOK = [
  ["available", "Available"],
  ["liabilities", "Promised, not cashed"],
  ["funded", "Funded"],
  ["issued", "Issued in all"],
  ["paid", "Paid in all"],
  ["pending", "Deposits under way"],
];

export function bookCard(book, onOpen) {
  const [list, values] = facts(BOOK);
  const title = make("h3", "", make("code", "", plain(book.chequebook)));
  const state = make("span", "badge");
  const asset = make("p", "asset");
  const gauge = bar();
  const legend = make("p", "legend");
  const end = deadline();
  const rows = make("tbody");
  const more = make("button", "", "Show more");
  more.type = "button";
  const problem = make("p", "problem");
  const head = make("tr", "", make("th", "", "Beneficiary"), make("th", "", "Issued in all"));
  for (const cell of head.children) cell.scope = "col";
  const table = make("table", "", make("thead", "", head), rows);
  const details = make("details", "", make("summary", "", "Beneficiaries"), problem, table, more);
  details.addEventListener("toggle", () => details.open && onOpen(0));
  more.addEventListener("click", () => onOpen(1));
  const card = make("article", "card", make("header", "", title, state), asset, end, gauge, legend, list, details);
  return withParts(card, { values, state, asset, gauge, legend, end, details, rows, more, problem });
}

export function sayBook({ parts: card }, book) {
  for (const [name] of BOOK) sayAmount(card.values[name], book[name], book.asset);
  sayState(card.state, book.state);
  sayDeadline(card.end, book.state, book.killableAt);
  sayOrHide(card.asset, book.asset === "ether" ? undefined : `In units of ${plain(book.asset)}`);
  const { liabilities, funded, paid } = book;
  const isKnown = liabilities !== undefined && funded !== undefined && paid !== undefined;
  card.gauge.hidden = !isKnown;
  if (!isKnown) return sayOrHide(card.legend, undefined);
  const left = funded > paid ? funded - paid : 0n;
  const promised = share(liabilities, left);
  const text = left === 0n && liabilities === 0n
    ? "Nothing is there, and nothing promised"
    : `${percent(promised)} of what is there is promised`;
  sayBar(card.gauge, promised, text, liabilities > left);
  sayOrHide(card.legend, text);
}

/** The beneficiaries of a chequebook, as far as they are read. */
export function sayBeneficiaries({ parts: card }, page, asset) {
  keyed(card.rows, page.rows, (row) => row.beneficiary, (row) =>
    make("tr", "", make("td", "", make("code", "", plain(row.beneficiary))), make("td", "number")),
  (element, row) => sayAmount(element.lastChild, row.issued, asset));
  card.more.hidden = !page.hasMore;
  sayOrHide(card.problem, page.problem);
}

/* BEING PAID */

export function payerCard(payer) {
  const title = make("h3", "", make("code", "", plain(payer.chequebook)));
  const state = make("span", "badge");
  const uncashed = make("p", "uncashed");
  const gauge = bar();
  const legend = make("p", "legend");
  const cover = make("p", "cover");
  const end = deadline();
  const card = make("article", "card", make("header", "", title, state), uncashed, gauge, legend, end, cover);
  return withParts(card, { state, uncashed, gauge, legend, cover, end });
}

export function sayPayer({ parts: card }, payer, asset, total) {
  sayAmount(card.uncashed, payer.uncashed, asset);
  sayState(card.state, payer.state);
  sayDeadline(card.end, payer.state, payer.killableAt);
  const { balance, uncashed } = payer;
  const isShort = balance !== undefined && uncashed > balance;
  const part = share(uncashed, total);
  const text = `${percent(part)} of all that is uncashed`;
  sayBar(card.gauge, part, text, isShort);
  say(card.legend, text);
  const [number, unit] = shown(balance, asset);
  const many = payer.beneficiaries > 1 ? ` For ${payer.beneficiaries} addresses of ours.` : "";
  const cover = balance === undefined
    ? "Cover not known: the node does not say."
    : isShort
      ? `NOT COVERED: its balance is ${number} ${unit}.`
      : `Covered: its balance is ${number} ${unit}.`;
  say(card.cover, cover + many);
  card.cover.classList.toggle("bad", isShort);
}

/** What is uncashed in all. */
export function sayTotal(element, total, asset) {
  sayOrHide(element, total === undefined ? undefined : `Uncashed in all: ${shown(total, asset).filter(Boolean).join(" ")}`);
}

/* TRANSACTIONS AND EVENTS */

const KINDS = { final: "good", reverted: "bad", refused: "bad", includedAndFailed: "bad", dropped: "bad", replaced: "bad" };
const HEADS = ["Nonce", "What", "Amount", "Status", "Chequebook and transaction"];

export function transactionRow() {
  const cells = HEADS.map((head, index) => {
    const cell = make(index ? "td" : "th");
    cell.dataset.head = head;
    return cell;
  });
  cells[0].scope = "row";
  const badge = make("span", "badge");
  const why = make("span", "why");
  const [book, hash] = [make("code"), make("code", "hash")];
  cells[3].append(badge, why);
  cells[4].append(book, hash);
  return withParts(make("tr", "", ...cells), { cells, badge, why, book, hash });
}

export function sayTransaction({ parts: row }, one, asset) {
  say(row.cells[0], String(one.nonce));
  say(row.cells[1], words(one.purpose));
  if (one.amount === undefined) say(row.cells[2], "–");
  else sayAmount(row.cells[2], one.amount, asset);
  row.cells[2].className = "number";
  const status = one.cancelled && one.status !== "cancelled" ? `${words(one.status)}, being cancelled` : words(one.status);
  sayBadge(row.badge, KINDS[Object.hasOwn(KINDS, one.status) ? one.status : ""] ?? "plain", status);
  sayOrHide(row.why, one.refusal && plain(one.refusal));
  sayOrHide(row.book, one.chequebook && plain(one.chequebook));
  sayOrHide(row.hash, plain(one.transaction));
}

/** What an event is in words; amounts are of the asset of its chequebook. */
export function eventText(event, asset) {
  const of = (value) => shown(value, asset).filter(Boolean).join(" ");
  const book = short(plain(event.contract));
  const parts = {
    chequeIssued: () => `Cheque issued: ${of(event.added)} more to ${short(plain(event.beneficiary))}, from ${book}`,
    chequeReceived: () => `Cheque received: ${of(event.added)} more from ${book}`,
    chequeKept: () => `Cheque of ${book} kept, and not acknowledged: ${plain(event.reason)}`,
    cashed: () => `Cashed: ${of(event.paid)} from ${book}`,
    bounced: () => `BOUNCED: ${of(event.paid)} paid by ${book}`,
    endAnnounced: () => `End announced: ${book}, for ${date(event.killableAt)}`,
    endCancelled: () => `The end of ${book} is not coming`,
    dead: () => `${book} has ended`,
    depositConfirmed: () => `Deposit final: ${of(event.amount)} in ${book}`,
    transactionFinal: () => `Transaction ${plain(event.nonce, 20)} is final`,
    chainTrouble: () => `The chain cannot be seen: ${plain(event.reason)}`,
    chainSeen: () => "The chain is seen again",
    chainReorganised: () => `The chain was reorganised at block ${plain(event.number, 20)}`,
    lost: () => "Too much happened to tell all of it",
  };
  return Object.hasOwn(parts, event.event) ? parts[event.event]() : words(event.event) || "Something happened";
}

export const eventRow = (event) =>
  make("li", "", make("time", "", new Date(event.at).toISOString().slice(11, 19)), " ", make("span", "", event.text));
