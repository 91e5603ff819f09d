// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {CallProofs} from "./Calls.sol";
import {CashProofs} from "./Cash.sol";
import {CloneForm} from "./Forms.sol";

contract CashClone is CashProofs, CloneForm {}

contract CallsClone is CallProofs, CloneForm {}
