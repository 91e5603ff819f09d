// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";

abstract contract DepositTest is FormTest {
    function testFuzz_DepositAtCreation(uint256 deposit) public {
        deposit = bound(deposit, 0, MAX_ETHER);

        assertEq(address(_createInThisBlock(NOTICE, deposit)).balance, deposit);
    }

    function testFuzz_DepositByAnyone(address from, uint256 deposit) public {
        Chequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
        deposit = bound(deposit, 0, MAX_ETHER);
        vm.assume(from != address(chequebook));
        vm.deal(from, deposit);

        vm.prank(from);
        (bool success,) = address(chequebook).call{value: deposit}("");

        assertTrue(success);
        assertEq(address(chequebook).balance, DEPOSIT + deposit);
    }

    /// @dev The delegated call of a clone alone costs more than the stipend.
    function test_DepositFitsInTheStipendOfAPlainTransfer_ExceptToAClone() public {
        Chequebook chequebook = _createInEarlierBlock(NOTICE, 0);

        assertEq(this.transfer{value: 1 ether}(payable(chequebook)), !_isClone());

        assertEq(address(chequebook).balance, _isClone() ? 0 : 1 ether);
    }

    /// @dev A transaction of its own, so that the chequebook and its storage are cold, which costs the most gas. It
    /// adds no gas to the stipend of 2,300 that comes with the value.
    function transfer(address payable to) external payable returns (bool success) {
        (success,) = to.call{value: msg.value, gas: 0}("");
    }

    function test_RevertWhen_EtherComesWithACall() public {
        Chequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);

        (bool unknown,) = address(chequebook).call{value: 1}(hex"12345678");
        (bool known,) = address(chequebook).call{value: 1}(abi.encodeCall(chequebook.owner, ()));

        assertFalse(unknown);
        assertFalse(known);
    }
}

contract DepositDirectTest is DepositTest, DirectForm {}

contract DepositCloneTest is DepositTest, CloneForm {}
