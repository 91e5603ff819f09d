// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {ChequeBase} from "./ChequeBase.s.sol";

/// @title Cash
/// @notice Cashes a cheque, only if the balance covers it. Anyone may cash it; the beneficiary is paid.
///
///     CHEQUEBOOK=0x… CHEQUE="$(cat cheque.json)" \
///         forge script script/Cash.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook that pays. Required.
/// - CHEQUE: the cheque as JSON, as {ChequeBase} says. Required.
/// - ALLOW_OVERDRAFT: true allows that the cheque pays less than is due, and that the chequebook dies. Default: false.
///
/// @dev A chequebook cannot die in the block in which it was created, so an overdraft needs a later block.
/// @dev Without ALLOW_OVERDRAFT the transaction can be no overdraft, whatever is cashed before it.
contract Cash is ChequeBase {
    /// @notice Thrown when the cheque is for `chequebook`, and $CHEQUEBOOK is `expected`.
    error WrongChequebook(address chequebook, address expected);

    function run() external {
        _sender();
        Known memory known = _chequebook();
        Cheque memory cheque = _parse(vm.envString("CHEQUE"), "");
        _requireGood(cheque, known.chequebook);

        uint256 sent = known.chequebook.sent(cheque.beneficiary);
        uint256 balance = _balance(known);
        uint256 due = cheque.amount - sent;
        bool overdraft = due > balance;
        uint256 paid = overdraft ? balance : due;
        bool allowed = _boolOr("ALLOW_OVERDRAFT", false);
        if (overdraft) _requireAllowed(known, due, balance, allowed);

        vm.broadcast();
        _cash(known.chequebook, cheque, allowed);

        vm.assertEq(known.chequebook.sent(cheque.beneficiary), sent + paid, "sent");
        vm.assertEq(_balance(known), balance - paid, "balance");
        if (overdraft) vm.assertTrue(_isDead(known), "the chequebook survived its overdraft");

        _printAction("Cash");
        console.log("Beneficiary:   %s", cheque.beneficiary);
        _printAmount("Payment:      ", known.token, paid);
        _printAmount("Sent in total:", known.token, sent + paid);
        _print(known);
    }

    /* CHECK */

    /// @dev What the contract would refuse, with the found and the expected value in the error.
    function _requireGood(Cheque memory cheque, IChequebook chequebook) private view {
        address expected = address(chequebook);
        if (cheque.chequebook != expected) revert WrongChequebook(cheque.chequebook, expected);
        _requireSigned(cheque);

        uint256 sent = chequebook.sent(cheque.beneficiary);
        if (cheque.amount <= sent) revert IChequebook.StaleCheque(cheque.amount, sent);
    }

    /// @dev A dead chequebook pays a covered cheque from what arrived later, but it cannot be overdrawn.
    function _requireAllowed(Known memory known, uint256 due, uint256 balance, bool allowed) private view {
        _requireAlive(known);

        console.log("Warning: the balance is short. This cheque takes all of it and ends the chequebook.");
        _printAmount("Due:          ", known.token, due);
        _printAmount("Would be paid:", known.token, balance);
        if (allowed) return;

        console.log("Set ALLOW_OVERDRAFT=true to cash nevertheless.");
        revert IChequebook.NotCovered(due, balance);
    }

    /* CASH */

    function _cash(IChequebook chequebook, Cheque memory cheque, bool allowed) private {
        function(address payable, uint256, uint8, bytes32, bytes32) external entry;
        if (allowed) entry = cheque.typed ? chequebook.cashTyped : chequebook.cash;
        else entry = cheque.typed ? chequebook.cashTypedIfCovered : chequebook.cashIfCovered;

        entry(cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s);
    }
}
