// What is changed in a contract: from its syntax tree to a list of small changes of its text.

const RELATIONS = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "==": ["!=", "<=", ">="],
  "!=": ["==", "<", ">"],
};
const NEGATION = { "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==" };
const ARITHMETIC = { "+": "-", "-": "+", "*": "+", "/": "*", "<<": ">>", ">>": "<<" };
const LOGIC = { "&&": "||", "||": "&&" };
/** What one may take for another. */
const LIKE = {
  "msg.sender": ["tx.origin", "address(this)"],
  "block.timestamp": ["block.number"],
  "block.number": ["block.timestamp"],
  "block.chainid": ["1"],
  "msg.value": ["0"],
  "address(this)": ["msg.sender"],
  "gasleft()": ["type(uint256).max"],
  "owner()": ["signer()", "msg.sender"],
  "signer()": ["owner()", "msg.sender"],
  "type(uint256).max": ["type(uint256).max - 1"],
};
const YUL_LIKE = { add: ["sub"], shl: ["shr"], address: ["caller"], call: ["callcode"], mstore: ["mstore8"] };
const COMMUTES = new Set(["add", "mul", "and", "or", "xor", "eq"]);

const zeroOf = (type) =>
  /^uint\d+$|^bytes\d+$/.test(type) ? "0" : /^address( payable)?$/.test(type) ? "payable(0)" : undefined;
const isInteger = (type) => /^u?int/.test(type);
const typeOf = (node) => node?.typeDescriptions?.typeString;

/** All nodes below one, each with its parents, nearest first. */
function* walk(node, parents = []) {
  if (Array.isArray(node)) {
    for (const child of node) yield* walk(child, parents);
  } else if (node && typeof node === "object") {
    const below = node.nodeType ? [node, ...parents] : parents;
    if (node.nodeType) yield [node, parents];
    for (const [name, child] of Object.entries(node)) {
      if (name !== "typeDescriptions" && name !== "externalReferences") yield* walk(child, below);
    }
  }
}

/** The changes of one file: `{ kind, start, end, text, where }`. Many do not compile, and some are the same twice. */
export function changes(ast, source) {
  const found = [];
  const span = (node) => {
    const [start, length] = node.src.split(":").map(Number);
    return [start, start + length];
  };
  /** With the semicolon. */
  const whole = (node) => {
    const [start, end] = span(node);
    return [start, source[end] === ";" ? end + 1 : end];
  };
  const textOf = (node) => source.slice(...span(node));
  const nodes = [...walk(ast)];
  const variables = nodes.map(([node]) => node).filter(({ nodeType }) => nodeType === "VariableDeclaration");
  const selectors = new Set(nodes.map(([node]) => node).filter(isSelector).map(textOf));

  for (const [node, parents] of nodes) {
    const contract = parents.find(({ nodeType }) => nodeType === "ContractDefinition");
    if (!contract || contract.contractKind === "interface") continue;
    const within = (node.nodeType === "FunctionDefinition" ? [node, ...parents] : parents).find(({ nodeType }) =>
      ["FunctionDefinition", "ModifierDefinition"].includes(nodeType),
    );
    const where = [contract.name, within && (within.name || within.kind)].filter(Boolean).join(".");
    const change = (kind, [start, end], text) => found.push({ kind, start, end, text, where });
    const replace = (kind, old, text) => change(kind, span(old), text);
    const swap = (kind, [a, b]) => {
      const [[from, endA], [startB, to]] = [span(a), span(b)];
      change(kind, [from, to], textOf(b) + source.slice(endA, startB) + textOf(a));
    };
    const swapStatements = (list) => {
      for (let i = 1; i < list.length; i++) {
        const [[from, endA], [startB, to]] = [whole(list[i - 1]), whole(list[i])];
        change("order", [from, to], source.slice(startB, to) + source.slice(endA, startB) + source.slice(from, endA));
      }
    };
    const swapEach = (kind, list) => {
      for (let i = 1; i < list.length; i++) swap(kind, [list[i - 1], list[i]]);
    };
    const operator = (kind, other) => {
      const [left, right] = [node.leftExpression, node.rightExpression];
      const [from, to] = [span(left)[1], span(right)[0]];
      change(kind, [from, to], source.slice(from, to).replace(node.operator, () => other));
    };

    switch (node.nodeType) {
      case "BinaryOperation": {
        const { operator: sign, leftExpression: left, rightExpression: right } = node;
        const ordered = isInteger(typeOf(left)) && textOf(right) !== "0"; // below zero there is nothing
        for (const other of RELATIONS[sign] ?? []) {
          // What is true where it was false, and the other way round, differs from "always" as well: see IfStatement.
          if (NEGATION[sign] === other && parents[0].nodeType === "IfStatement") continue;
          if (ordered || /[=!]=/.test(sign + other) && /^[=!]=$/.test(other)) operator("comparison", other);
        }
        if (LOGIC[sign]) operator("logic", LOGIC[sign]);
        if (ARITHMETIC[sign]) operator("arithmetic", ARITHMETIC[sign]);
        if (LOGIC[sign] || ARITHMETIC[sign]) {
          replace("operand", node, textOf(left));
          replace("operand", node, textOf(right));
        }
        break;
      }
      case "UnaryOperation":
        if (node.operator === "!" && parents[0].nodeType !== "IfStatement") {
          replace("logic", node, textOf(node.subExpression));
        }
        if (node.operator === "++") replace("arithmetic", node, textOf(node).replace("++", "--"));
        break;
      case "IfStatement":
        replace("condition", node.condition, "true");
        replace("condition", node.condition, "false");
        break;
      case "Conditional":
        replace("condition", node, textOf(node.trueExpression));
        replace("condition", node, textOf(node.falseExpression));
        break;
      case "Block":
        swapStatements(node.statements);
        break;
      case "ExpressionStatement":
        change("deletion", whole(node), "{}");
        break;
      case "EmitStatement":
        change("event", whole(node), "{}");
        for (const argument of node.eventCall.arguments) zero("event", argument);
        break;
      case "RevertStatement":
        replace("error", node, "revert()"); // to delete it is a condition that is false
        for (const argument of node.errorCall.arguments) zero("error", argument);
        break;
      case "Return":
        if (node.expression) change("return", whole(node), "{}");
        break;
      case "VariableDeclarationStatement":
        if (node.initialValue && node.declarations.length === 1) {
          const value = zeroOf(typeOf(node.declarations[0]));
          if (value) replace("value", node.initialValue, value);
        }
        break;
      case "FunctionDefinition":
        for (const modifier of node.modifiers) replace("modifier", modifier, "");
        swapEach("modifier", node.modifiers);
        if (node.stateMutability === "payable" && node.kind !== "receive") {
          const [from] = span(node);
          const at = source.indexOf(" payable", from + textOf(node).indexOf(")"));
          change("modifier", [at, at + " payable".length], "");
        }
        break;
      case "FunctionCall":
        alike();
        if (node.kind === "functionCall") swapEach("arguments", node.arguments);
        break;
      case "FunctionCallOptions":
        replace("call", node, textOf(node.expression));
        replace("call", node, textOf(node).replace(/}$/, ", gas: 2300}"));
        break;
      case "TupleExpression":
        if (node.components.length > 1) swapEach("arguments", node.components);
        break;
      case "Literal":
        literal();
        break;
      case "Identifier":
        for (const other of namesLike(node, contract, within)) replace("name", node, other);
        break;
      case "MemberAccess":
        alike();
        for (const other of membersLike(node)) replace("name", node, `${textOf(node.expression)}.${other}`);
        if (isSelector(node)) {
          for (const other of selectors) if (other !== textOf(node)) replace("name", node, other);
        }
        break;
      case "YulBlock":
        swapStatements(node.statements);
        break;
      case "YulExpressionStatement":
      case "YulAssignment":
        replace("deletion", node, "");
        break;
      case "YulFunctionCall": {
        const { name } = node.functionName;
        for (const other of YUL_LIKE[name] ?? []) replace("assembly", node.functionName, other);
        if (!COMMUTES.has(name)) swapEach("arguments", node.arguments);
        if (name === "call") replace("call", node.arguments[0], "gas()");
        break;
      }
      case "YulLiteral":
        for (const other of beside(textOf(node))) replace("number", node, other);
        break;
    }

    function zero(kind, argument) {
      const value = zeroOf(typeOf(argument));
      if (value) replace(kind, argument, value);
    }
    function alike() {
      for (const other of LIKE[textOf(node)] ?? []) replace("name", node, other);
    }
    function literal() {
      const text = textOf(node);
      if (node.kind === "number") for (const other of beside(text)) replace("number", node, other);
      else if (node.kind === "bool") replace("number", node, text === "true" ? "false" : "true");
      else if (text.startsWith("hex")) {
        const last = node.hexValue.length - 2;
        for (const i of new Set([0, (last >> 2) << 1, last])) {
          const byte = (parseInt(node.hexValue.slice(i, i + 2), 16) ^ 1).toString(16).padStart(2, "0");
          replace("number", node, `hex"${node.hexValue.slice(0, i)}${byte}${node.hexValue.slice(i + 2)}"`);
        }
      } else if (text.length > 2) replace("text", node, `${text.slice(0, -2)}"`);
    }
  }
  return found;

  /** Variables of the same type: of the same function, or of the same contract. */
  function namesLike({ name, referencedDeclaration: id }, contract, within) {
    const own = variables.find((variable) => variable.id === id);
    if (!own || !within) return [];
    const place = own.stateVariable ? contract : within;
    const inside = ([start, end], [from, to]) => start >= from && end <= to;
    return variables
      .filter((other) => other.stateVariable === own.stateVariable && inside(span(other), span(place)))
      .filter((other) => other.name && other.name !== name && typeOf(other) === typeOf(own))
      .map((other) => other.name);
  }
}

/** One more, and one less. */
const beside = (text) => {
  const write = (number) => (text.startsWith("0x") ? `0x${number.toString(16)}` : `${number}`);
  return text === "0" ? ["1"] : [Number(text) + 1, Number(text) - 1].map(write);
};

const isSelector = ({ nodeType, memberName }) => nodeType === "MemberAccess" && memberName === "selector";

/** The members of the structs and enums that a contract uses, by type: filled from all files. */
const members = new Map();

export function learnMembers(asts) {
  for (const ast of asts) {
    for (const [node] of walk(ast)) {
      if (node.nodeType === "EnumDefinition") {
        members.set(`type(enum ${node.canonicalName})`, node.members.map(({ name }) => ({ name })));
      } else if (node.nodeType === "StructDefinition") {
        members.set(
          `struct ${node.canonicalName}`,
          node.members.map((member) => ({ name: member.name, type: typeOf(member) })),
        );
      }
    }
  }
}

function membersLike(node) {
  const type = typeOf(node.expression)?.replace(/ (memory|calldata|storage pointer|storage ref)$/, "");
  const all = members.get(type) ?? [];
  const own = all.find(({ name }) => name === node.memberName);
  return all.filter(({ name, type }) => own && name !== own.name && type === own.type).map(({ name }) => name);
}
