// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {CallProofs} from "./Calls.sol";
import {CashProofs} from "./Cash.sol";
import {DirectForm} from "./Forms.sol";

contract CashDirect is CashProofs, DirectForm {}

contract CallsDirect is CallProofs, DirectForm {}
