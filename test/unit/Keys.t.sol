// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice What becomes of cheques if the accounts behind them delegate to code (EIP-7702), or give up their keys
/// (EIP-7851 and EIP-8151, which are proposals).
abstract contract KeysTest is FormTest {
    IChequebook private chequebook;

    function setUp() public {
        Hardfork.set(Hardfork.PRAGUE); // brings EIP-7702
        chequebook = _createInEarlierBlock(0, DEPOSIT);
    }

    function _delegate(address account) private {
        address wallet = makeAddr("wallet");
        vm.etch(wallet, hex"00");
        vm.etch(account, abi.encodePacked(hex"ef0100", wallet));
    }

    /// @dev A delegation changes neither the address nor what its key signs.
    function testFuzz_OwnerSignerAndPayeeMayDelegate(bool typed, uint256 amount) public {
        amount = bound(amount, 1, DEPOSIT - 1);
        Signature memory before = _sign(_scheme(typed), chequebook, payee, amount);
        _delegate(owner.addr);
        _delegate(signer.addr);
        _delegate(payee);

        _submit(_scheme(typed), chequebook, payee, amount, before);
        assertEq(_balance(payee), amount);
        _cash(_scheme(typed), chequebook, otherPayee, DEPOSIT - amount);
        assertEq(_balance(otherPayee), DEPOSIT - amount);
        vm.prank(owner.addr);
        chequebook.kill();
        assertTrue(_codeSize(address(chequebook)) == 0 || chequebook.killableAt() == NEVER);
    }

    /// @dev EIP-8151 would let `ecrecover` answer zero for a key that was given up.
    function testFuzz_IfEcrecoverAnswersZeroForItsSigner_NoChequeIsGood(bool typed, uint256 amount) public {
        amount = bound(amount, 1, DEPOSIT);
        Signature memory signature = _sign(_scheme(typed), chequebook, payee, amount);
        vm.mockCall(address(1), bytes(""), abi.encode(0));

        _refused(_scheme(typed), chequebook, payee, amount, signature, _error(IChequebook.InvalidSignature.selector));
        assertEq(_balance(address(chequebook)), DEPOSIT);
        vm.clearMockedCalls();
        _submit(_scheme(typed), chequebook, payee, amount, signature);
        assertEq(_balance(payee), amount);
    }
}

contract KeysDirectTest is KeysTest, DirectForm {}

contract KeysCloneTest is KeysTest, CloneForm {}

contract KeysTokenTest is KeysTest, TokenForm {}
