// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice Properties of the build itself.
contract BuildTest is BaseTest {
    function test_TheCodeOfADirectChequebookIsAtMost2450Bytes() public view {
        assertLe(vm.getDeployedCode("Chequebook.sol:Chequebook").length, 2450);
    }

    function test_TheSuiteRunsUnderTheHardforkItWasAskedTo() public {
        assertEq(Hardfork.running(), vm.envOr("FOUNDRY_HARDFORK", Hardfork.OSAKA));
    }

    function test_CashKeepsTheSelectorOfTheClassicChequebook() public pure {
        assertEq(IChequebook.cash.selector, bytes4(0xfbf788d6));
    }

    function test_OverdraftKeepsTheTopicOfTheClassicChequebook() public pure {
        // cast keccak "Overdraft(address)"
        assertEq(IChequebook.Overdraft.selector, 0x2250e2993c15843b32621c89447cc589ee7a9f049c026986e545d3c2c0c6f978);
    }
}
