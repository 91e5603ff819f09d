// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {ChequeBase} from "./ChequeBase.s.sol";

/// @title Cash
/// @notice Cashes a cheque. Anyone may cash it; the beneficiary is paid.
///
///     CHEQUEBOOK=0x… CHEQUE="$(cat cheque.json)" \
///         forge script script/Cash.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook that pays. Required.
/// - CHEQUE: the cheque as JSON, as {ChequeBase} says. Required.
/// - ALLOW_OVERDRAFT: true allows that the cheque pays less than is due, and that the chequebook dies. Default: false.
///
/// @dev A chequebook cannot die in the block in which it was created, so an overdraft needs a later block.
/// @dev Warning: another cheque may be cashed between the checks and this transaction, which may then be an overdraft,
/// even if ALLOW_OVERDRAFT is false.
contract Cash is ChequeBase {
    /// @notice Thrown when the cheque is for `chequebook`, and $CHEQUEBOOK is `expected`.
    error WrongChequebook(address chequebook, address expected);

    /// @notice Thrown when the cheque would pay only `paid` of what is `due`, and that is not allowed. Both in wei.
    error OverdraftNotAllowed(uint256 paid, uint256 due);

    function run() external {
        _sender();
        Chequebook chequebook = _chequebook();
        Cheque memory cheque = _parse(vm.envString("CHEQUE"), "");
        _requireGood(cheque, chequebook);

        uint256 sent = chequebook.sent(cheque.beneficiary);
        uint256 balance = address(chequebook).balance;
        uint256 due = cheque.amount - sent;
        bool overdraft = due > balance;
        if (overdraft) _requireAllowed(chequebook, due);
        uint256 paid = overdraft ? balance : due;

        vm.broadcast();
        _cash(chequebook, cheque);

        vm.assertEq(chequebook.sent(cheque.beneficiary), sent + paid, "sent");
        vm.assertEq(address(chequebook).balance, balance - paid, "balance");
        if (overdraft) vm.assertTrue(_isDead(chequebook), "the chequebook survived its overdraft");

        _printAction("Cash");
        console.log("Beneficiary:   %s", cheque.beneficiary);
        _printWei("Payment:      ", paid);
        _print(chequebook);
    }

    /* CHECK */

    /// @dev What the contract would refuse, with the found and the expected value in the error.
    function _requireGood(Cheque memory cheque, Chequebook chequebook) private view {
        address expected = address(chequebook);
        if (cheque.chequebook != expected) revert WrongChequebook(cheque.chequebook, expected);
        _requireSigned(cheque);

        uint256 sent = chequebook.sent(cheque.beneficiary);
        if (cheque.amount <= sent) revert IChequebook.StaleCheque(cheque.amount, sent);
    }

    /// @dev A dead chequebook pays a covered cheque from ether that was forced into it, but it cannot be overdrawn.
    function _requireAllowed(Chequebook chequebook, uint256 due) private view {
        _requireAlive(chequebook);

        console.log("Warning: the balance is short. This cheque takes all of it and ends the chequebook.");
        _printWei("Due:          ", due);
        _printWei("Would be paid:", address(chequebook).balance);
        if (_boolOr("ALLOW_OVERDRAFT", false)) return;

        console.log("Set ALLOW_OVERDRAFT=true to cash nevertheless.");
        revert OverdraftNotAllowed(address(chequebook).balance, due);
    }

    /* CASH */

    function _cash(Chequebook chequebook, Cheque memory cheque) private {
        if (cheque.typed) chequebook.cashTyped(cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s);
        else chequebook.cash(cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s);
    }
}
