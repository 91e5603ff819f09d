// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme} from "../utils/Cheques.sol";

abstract contract DepositTest is FormTest {
    function testFuzz_DepositAtCreation(uint256 deposit) public {
        deposit = bound(deposit, 0, MAX_ETHER);

        assertEq(_balance(address(_createInThisBlock(NOTICE, deposit))), deposit);
    }

    function testFuzz_DepositByAnyone(address from, uint256 deposit) public {
        IChequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
        deposit = bound(deposit, 0, MAX_ETHER);
        vm.assume(from != address(chequebook) && from != address(0));
        assumeNotForgeAddress(from);
        vm.assume(!_isToken() || from.code.length == 0); // the token calls what a contract pays
        stranger = from;

        assertTrue(_deposit(chequebook, deposit));

        assertEq(_balance(address(chequebook)), DEPOSIT + deposit);
    }

    /// @dev A cheque of a counterfactual chequebook is good once the chequebook is created.
    function testFuzz_WhatWasSentBeforeCreationIsPartOfTheDeposit(uint96 before, uint96 deposit) public {
        uint256 all = uint256(before) + deposit;
        vm.assume(all != 0);
        IChequebookFactory.Terms memory terms = _terms(owner.addr, signer.addr, 0);
        IChequebook chequebook = IChequebook(payable(factory.predict(_form(), terms, "salt")));
        assertTrue(_deposit(chequebook, before));

        vm.deal(address(this), deposit);
        factory.create{value: _isToken() ? 0 : deposit}(_form(), terms, "salt");
        if (_isToken()) assertTrue(_deposit(chequebook, deposit));
        assertEq(_balance(address(chequebook)), all);

        _cash(Scheme.Packed, chequebook, payee, all);
        assertEq(_balance(payee), all);
    }

    function test_RevertWhen_EtherComesWithACall() public {
        IChequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);

        (bool unknown, bytes memory nothing) = address(chequebook).call{value: 1}(hex"12345678");
        (bool known,) = address(chequebook).call{value: 1}(abi.encodeCall(chequebook.owner, ()));

        assertFalse(unknown);
        assertEq(nothing, "");
        assertFalse(known);
    }
}

/// @notice Of ether only.
abstract contract StipendTest is FormTest {
    /// @dev The delegated call of a clone alone costs more than the stipend.
    function test_DepositFitsInTheStipendOfAPlainTransfer_ExceptToAClone() public {
        IChequebook chequebook = _createInEarlierBlock(NOTICE, 0);

        assertEq(this.transfer{value: 1 ether}(payable(chequebook)), !_isClone());

        assertEq(address(chequebook).balance, _isClone() ? 0 : 1 ether);
    }

    /// @dev A transaction of its own, so that the chequebook and its storage are cold, which costs the most gas. It
    /// adds no gas to the stipend of 2,300 that comes with the value.
    function transfer(address payable to) external payable returns (bool success) {
        (success,) = to.call{value: msg.value, gas: 0}("");
    }
}

contract DepositDirectTest is DepositTest, DirectForm {}

contract DepositCloneTest is DepositTest, CloneForm {}

contract DepositTokenTest is DepositTest, TokenForm {}

contract StipendDirectTest is StipendTest, DirectForm {}

contract StipendCloneTest is StipendTest, CloneForm {}
