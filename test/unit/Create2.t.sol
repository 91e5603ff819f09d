// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";

/// @notice CB11. The attack: create a chequebook at its CREATE2 address; overdraw it, so that its account is erased
/// together with `sent`; create it again at the same address; and cash the same cheque again.
abstract contract Create2Test is FormTest {
    uint256 private constant PROMISED = 3 ether;

    IChequebook private target;
    bytes private creation;
    bytes private overdraw;
    /// @dev What comes with a creation. A token chequebook has its deposit already.
    uint256 private value;

    function setUp() public {
        target = _predict(owner.addr);
        creation = _createCall(owner.addr);
        overdraw = Cheques.cashCall(Scheme.Packed, payee, PROMISED, _sign(Scheme.Packed, target, payee, PROMISED));
        value = _isToken() ? 0 : 1 ether;
        if (_isToken()) _force(target, 1 ether);
        vm.deal(address(this), 100 ether);
    }

    function test_InOneTransaction_GainsNothing() public {
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](4);
        calls[0] = OneTransaction.Call(address(factory), value, creation);
        calls[1] = OneTransaction.Call(address(target), 0, overdraw);
        calls[2] = OneTransaction.Call(address(factory), value, creation);
        calls[3] = OneTransaction.Call(address(target), 0, overdraw);

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 2 * value}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(results[3].answer, _error(IMortal.BornThisBlock.selector));
        _assertAliveAndUntouched();
    }

    function test_InOneBlock_GainsNothing() public {
        assertTrue(_send(address(factory), value, creation));
        assertFalse(_send(address(target), 0, overdraw));
        assertFalse(_send(address(factory), value, creation));
        assertFalse(_send(address(target), 0, overdraw));
        _assertAliveAndUntouched();
    }

    function test_ByKillInOneTransaction_GainsNothing() public {
        // the attacker owns the chequebook, and kills it in the transaction that creates it
        OneTransaction attacker = new OneTransaction();
        IChequebook own = _predict(address(attacker));
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](3);
        bytes memory createOwn = _createCall(address(attacker));
        calls[0] = OneTransaction.Call(address(factory), value, createOwn);
        calls[1] = OneTransaction.Call(address(own), 0, abi.encodeCall(IMortal.kill, ()));
        calls[2] = OneTransaction.Call(address(factory), value, createOwn);

        OneTransaction.Result[] memory results = attacker.run{value: 2 * value}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(own.killableAt(), 0);
    }

    /// @dev Also before Cancun, where the address is free again: the factory remembers what it created. (Within a forge
    /// test an erased account stays erased; test/e2e does the same on anvil.)
    function test_InALaterBlock_GainsNothing() public {
        assertTrue(_send(address(factory), value, creation));
        vm.roll(vm.getBlockNumber() + 1);
        assertTrue(_send(address(target), 0, overdraw));
        assertEq(_balance(payee), 1 ether);
        if (_isToken()) _force(target, 1 ether);

        (bool success, bytes memory answer) = address(factory).call{value: value}(creation);
        assertFalse(success);
        assertEq(answer, abi.encodeWithSelector(IChequebookFactory.AlreadyCreated.selector, target));

        _send(address(target), 0, overdraw);
        assertEq(_balance(payee), 1 ether);
    }

    function _assertAliveAndUntouched() private view {
        assertGt(_codeSize(address(target)), 0);
        assertEq(target.killableAt(), 0);
        assertEq(target.sent(payee), 0);
        assertEq(_balance(address(target)), 1 ether);
        assertEq(_balance(payee), 0);
    }

    function _send(address to, uint256 value_, bytes memory data) private returns (bool success) {
        (success,) = to.call{value: value_}(data);
    }

    function _predict(address owner_) private view returns (IChequebook) {
        return IChequebook(payable(factory.predict(_form(), _terms(owner_, signer.addr, 0), 0)));
    }

    function _createCall(address owner_) private view returns (bytes memory) {
        return abi.encodeCall(factory.create, (_form(), _terms(owner_, signer.addr, 0), 0));
    }

    receive() external payable {}
}

contract Create2DirectTest is Create2Test, DirectForm {}

contract Create2CloneTest is Create2Test, CloneForm {}

contract Create2TokenTest is Create2Test, TokenForm {}
