// What is said, as text. Amounts are whole numbers of any size, never floats; what others wrote obeys and hides nothing.

const LONGEST = 200;
/** The end of the year 9999, in Unix seconds. */
export const LAST_DATE = 253402300799;

/**
 * What comes from the chain, a node or a peer, for people: characters that command, hide or reorder are replaced, heaps of
 * marks and whatever is too long are cut.
 */
export function plain(value, longest = LONGEST) {
  if (!["string", "number", "boolean"].includes(typeof value)) return "";
  const start = String(value).slice(0, 4 * longest);
  const shown = start
    .replace(/[\n\t]/g, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, "\ufffd")
    .replace(/(\p{M}{2})\p{M}+/gu, "$1\ufffd");
  const characters = [...shown];
  return characters.length > longest || start.length < String(value).length
    ? `${characters.slice(0, longest).join("")}…`
    : shown;
}

/** An amount in the smallest unit; `undefined` if it is none. */
export const amount = (value) =>
  typeof value === "string" && /^(0|[1-9][0-9]{0,77})$/.test(value) ? BigInt(value) : undefined;

/** A number that is exact; `undefined` if it is none. */
export const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? value : undefined);

/** The same address always in the same letters; `undefined` if it is none. */
export const address = (value) =>
  typeof value === "string" && /^0x[0-9a-fA-F]{40}$/.test(value) ? value.toLowerCase() : undefined;

/** An amount of an asset: its digits, and its unit. Only ether has decimals that nobody can fake. */
export function shown(value, asset) {
  if (value === undefined) return ["not known", ""];
  if (asset !== "ether") return [value.toString(), asset ? "units" : "of the smallest unit"];
  const digits = value.toString().padStart(19, "0");
  const fraction = digits.slice(-18).replace(/0+$/, "");
  return [digits.slice(0, -18) + (fraction && `.${fraction}`), "ether"];
}

/** How much a part is of a whole, in thousandths, rounded down; all of it if it is more. */
export function share(part, whole) {
  if (part <= 0n) return 0;
  return part >= whole ? 1000 : Number((part * 1000n) / whole);
}

/** Thousandths as percent. */
export const percent = (thousandths) => `${Math.floor(thousandths / 10)}.${thousandths % 10} %`;

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** Seconds for people. */
export function duration(seconds, parts = 4) {
  let rest = Math.max(0, Math.floor(seconds));
  const all = UNITS.map(([name, size]) => {
    const many = Math.floor(rest / size);
    rest -= many * size;
    return [many, name];
  });
  const first = all.findIndex(([many]) => many > 0);
  const from = first < 0 ? UNITS.length - 1 : first;
  return all.slice(from, from + parts).map(([many, name]) => `${many} ${name}`).join(" ");
}

/** Unix seconds as a date of UTC. Beyond the year 9999 it is said so. */
export function date(seconds) {
  if (!(seconds <= LAST_DATE)) return "after the year 9999";
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `someName` as `some name`. */
export const words = (name) => plain(name, 40).replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);

/** A hash or an address, shortened for where the whole one stands elsewhere. */
export const short = (hash) => (/^0x[0-9a-fA-F]{40,}$/.test(hash) ? `${hash.slice(0, 8)}…${hash.slice(-6)}` : plain(hash, 20));
