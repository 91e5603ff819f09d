// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {BaseTest} from "../Base.t.sol";

contract DepositTest is BaseTest {
    function testFuzz_DepositAtCreation(uint256 deposit) public {
        deposit = bound(deposit, 0, MAX_ETHER);

        assertEq(address(_openInThisBlock(NOTICE, deposit)).balance, deposit);
    }

    function testFuzz_DepositByAnyone(address from, uint256 deposit) public {
        Chequebook chequebook = _open(NOTICE, DEPOSIT);
        deposit = bound(deposit, 0, MAX_ETHER);
        vm.assume(from != address(chequebook));
        vm.deal(from, deposit);

        vm.prank(from);
        (bool success,) = address(chequebook).call{value: deposit}("");

        assertTrue(success);
        assertEq(address(chequebook).balance, DEPOSIT + deposit);
    }

    /// @dev To a clone it does not: that it passes the call on needs more than the stipend.
    function test_DepositFitsInTheStipendOfAPlainTransfer_ExceptToAClone() public {
        Chequebook chequebook = _open(NOTICE, 0);

        assertEq(this.transfer{value: 1 ether}(payable(chequebook)), !cloned);

        assertEq(address(chequebook).balance, cloned ? 0 : 1 ether);
    }

    /// @dev A transaction of its own, so that the chequebook and its storage are cold, as they cost most. Without gas
    /// of ours, the receiver has just the stipend of 2,300 that comes with the value.
    function transfer(address payable to) external payable returns (bool success) {
        (success,) = to.call{value: msg.value, gas: 0}("");
    }

    function test_RevertWhen_EtherComesWithACall() public {
        Chequebook chequebook = _open(NOTICE, DEPOSIT);

        (bool unknown,) = address(chequebook).call{value: 1}(hex"12345678");
        (bool known,) = address(chequebook).call{value: 1}(abi.encodeCall(chequebook.owner, ()));

        assertFalse(unknown);
        assertFalse(known);
    }
}
