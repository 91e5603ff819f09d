// Reads the modules of a Rust crate, and the paths by which they reach each other: each `use`, and all other paths from
// `crate`, `self` and `super`. What is compiled for tests alone does not count.
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const TOKEN = /\/\/.*|\/\*|[bc]?r(#*)"[^]*?"\1|[bc]?"(?:\\[^]|[^"\\])*"|b?'(?:\\u\{.*?\}|\\x..|\\.|[^'\\])'|'?(?:r#)?\w+|::|\S/g;
const ITEM = /^(async|const|enum|extern|fn|impl|mod|pub|static|struct|trait|type|union|unsafe|use)$/;

export const emptyModule = (name, parent) => ({ name, parent, children: new Map(), names: new Map(), paths: [] });

/** The tokens of a Rust source, without comments, strings and characters. */
function tokenize(source) {
  const tokens = [];
  const scan = new RegExp(TOKEN);
  for (let match = scan.exec(source); match; match = scan.exec(source)) {
    if (match[0] === "/*") {
      const mark = /\/\*|\*\//g; // block comments nest
      mark.lastIndex = scan.lastIndex;
      for (let depth = 1, end; depth > 0 && (end = mark.exec(source)); ) depth += end[0] === "/*" ? 1 : -1;
      scan.lastIndex = mark.lastIndex || source.length;
    } else if (!/^\/\/|^[bcr#]*"|'$/.test(match[0])) {
      tokens.push({ text: match[0].replace(/^r#/, ""), line: () => source.slice(0, match.index).split("\n").length });
    }
  }
  return tokens;
}

/** Reads `file` into `module`: the modules in it, the names it imports, and every path to another module. */
export function read(module, file, directory) {
  const tokens = tokenize(readFileSync(file, "utf8"));
  const text = (i) => tokens[i]?.text ?? "";
  const place = (i) => `${relative(".", file)}:${tokens[i].line()}`;
  const close = (i, depth = 0) => {
    do depth += /^[([{]$/.test(text(i)) - /^[)\]}]$/.test(text(i));
    while (depth > 0 && ++i < tokens.length);
    return i;
  };
  let i = 0;
  /** The paths of a tree of `use` that begins at token i, and the name that each gets; leaves i at its end. */
  const tree = (prefix) => {
    let path = prefix;
    let name;
    for (; !/^[,;}]?$/.test(text(i)); i++) {
      if (text(i) === "{") {
        const paths = [];
        while (i < tokens.length && text(i) !== "}") i++, paths.push(...tree(path));
        return i++, paths;
      }
      if (text(i) === "as") name = text(++i);
      else if (text(i) === "::" && path.length === 0) path = [""]; // of another crate
      else if (text(i) !== "::" && !(text(i) === "self" && path.length > 0)) path = [...path, text(i)];
      else if (text(i) === "self") name = path.at(-1);
    }
    return path === prefix && !name ? [] : [{ path, name: name ?? path.at(-1) }];
  };
  const scopes = [{ module, directory, depth: 0 }];
  for (let depth = 0; i < tokens.length; i++) {
    const scope = scopes.at(-1);
    if (text(i) === "#" && /^!?\[/.test(text(i + 1) + text(i + 2))) {
      const start = i;
      i = close(text(i + 1) === "!" ? i + 2 : i + 1);
      const attribute = tokens.slice(start, i).map((token) => token.text).join("");
      if (!/^#\[cfg\((?!not).*\btest\b/.test(attribute)) continue;
      while (text(i + 1) === "#") i = close(i + 2);
      if (ITEM.test(text(i + 1))) do i = close(i + 1); while (!/^[;}]$/.test(text(i)) && i < tokens.length);
    } else if (text(i) === "mod" && /^[;{]$/.test(text(i + 2))) {
      const name = text(i + 1);
      const child = emptyModule(name, scope.module);
      scope.module.children.set(name, child);
      const below = join(scope.directory, name);
      const found = [`${below}.rs`, join(below, "mod.rs")].find((path) => existsSync(path));
      if (text(i + 2) === "{") scopes.push({ module: child, directory: below, depth: ++depth });
      else if (found) read(child, found, below);
      else throw new Error(`${place(i)}: module ${name} has no file`);
      i += 2;
    } else if (text(i) === "use" && text(i + 1) !== "<") {
      const where = place(i++);
      for (const { path, name } of tree([])) {
        scope.module.paths.push({ path, where });
        if (name !== "*") scope.module.names.set(name, path);
      }
    } else if (/^(crate|self|super)$/.test(text(i)) && text(i + 1) === "::" && text(i - 1) !== "::") {
      const [path, where] = [[text(i)], place(i)];
      while (text(i + 1) === "::" && /^\w/.test(text(i + 2))) path.push(text((i += 2)));
      scope.module.paths.push({ path, where });
    } else if (text(i) === "{") {
      depth++;
    } else if (text(i) === "}" && depth-- === scope.depth && scopes.length > 1) {
      scopes.pop();
    }
  }
}

/** The module that defines what `path` within `module` leads to; nothing if that is another crate. */
export function locate(module, path, depth = 0) {
  let at = module;
  let rest = path;
  if (path[0] === "crate") for (rest = path.slice(1); at.parent; ) at = at.parent;
  else if (path[0] === "self") rest = path.slice(1);
  else if (path[0] !== "super" && !at.children.has(path[0])) return undefined;
  for (; rest[0] === "super"; rest = rest.slice(1)) at = at.parent;
  for (; at.children.has(rest[0]); rest = rest.slice(1)) at = at.children.get(rest[0]);
  const from = depth < 20 && at !== module ? at.names.get(rest[0]) : undefined;
  return (from && locate(at, [...from, ...rest.slice(1)], depth + 1)) ?? at;
}
