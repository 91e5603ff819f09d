// Which tests a mutant must survive.

/**
 * Not among the killers, because a mutant must be killed by what it does: limits of size and gas, and what is compiled
 * together with the contracts, where no mutant gets. GasEach holds the clearing house to the gas that its interface
 * tells; for other contracts it is a limit of gas like those of Gas.
 */
export const excluded = (file) =>
  `^(Build|Gas(Direct|Clone|Token)|StandIn${file === "contracts/ClearingHouse.sol" ? "" : "|GasEach"})`;

/** Cheapest first; a mutant that survives all of them is a survivor. */
export const STAGES = [
  { hardfork: "osaka", fuzz: 16, minutes: 2 },
  { hardfork: "shanghai", fuzz: 16, minutes: 2 }, // where a death erases
  { hardfork: "osaka", fuzz: 100, invariant: 8, minutes: 10 },
];
