// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {Base} from "./Base.s.sol";

/// @title Deposit
/// @notice Adds to the deposit of a chequebook. Anyone may; at the kill the balance returns to the owner.
///
///     CHEQUEBOOK=0x… AMOUNT=1000000000000000000 \
///         forge script script/Deposit.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook. Required.
/// - AMOUNT: the amount to add, in wei, above zero. Required.
contract Deposit is Base {
    /// @notice Thrown when $AMOUNT is zero.
    error ZeroAmount();

    /// @notice Thrown when `chequebook` refuses the deposit.
    error DepositRefused(address chequebook);

    function run() external {
        address sender = _sender();
        Chequebook chequebook = _chequebook();
        uint256 amount = vm.envUint("AMOUNT");
        uint256 balance = address(chequebook).balance;
        if (amount == 0) revert ZeroAmount();
        _requireAlive(chequebook);
        _requireFunds(sender, amount);

        vm.broadcast();
        (bool success,) = address(chequebook).call{value: amount}("");
        if (!success) revert DepositRefused(address(chequebook));

        vm.assertEq(address(chequebook).balance, balance + amount, "balance");

        _printAction("Deposit");
        _printWei("Amount:       ", amount);
        _print(chequebook);
        if (chequebook.killableAt() != 0) console.log("Warning: the end of this chequebook is announced.");
    }
}
