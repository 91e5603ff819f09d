// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Base} from "./Base.s.sol";

/// @title DepositBase
/// @notice How the scripts deposit into a chequebook that exists: only if the factory created it, and it is neither
/// dead nor ending.
///
/// - ALLOW_UNPROVEN: true allows a deposit into what the factory did not create. Default: false.
/// - ALLOW_ENDING: true allows a deposit into a chequebook whose end is announced. Default: false.
abstract contract DepositBase is Base {
    /// @notice Thrown when the factory did not create `account`, so that nothing is known of what it does with a
    /// deposit.
    error Unproven(address account);

    /// @notice Thrown when the end of `chequebook` is announced: the owner may take a deposit from `killableAt` on, in
    /// Unix seconds.
    error Ending(address chequebook, uint256 killableAt);

    /// @notice Thrown when `sender` has less than it is to send. Both in wei, or in the token's smallest unit.
    error InsufficientFunds(address sender, uint256 balance, uint256 needed);

    /// @notice Thrown when `chequebook` refuses the deposit.
    error DepositRefused(address chequebook);

    /// @notice Thrown when only `arrived` of the `amount` arrives. A chequebook cannot work with such a token.
    error IncompleteDeposit(uint256 arrived, uint256 amount);

    /// @dev Two checks may pass on the copy of the chain and fail on the chain: then the chequebook refuses ether, and
    /// tokens arrive. Those of a dead chequebook return to its owner by {Reclaim}.
    function _deposit(address sender, Known memory known, uint256 amount) internal {
        address chequebook = address(known.chequebook);
        _requireSafe(known);
        _requireFunds(sender, known, amount);
        uint256 balance = _balance(known);

        if (_isEther(known.token)) {
            vm.broadcast();
            (bool success,) = chequebook.call{value: amount}("");
            if (!success) revert DepositRefused(chequebook);
        } else {
            vm.broadcast();
            SafeERC20.safeTransfer(known.token, chequebook, amount);
        }
        uint256 arrived = _balance(known) - balance;
        if (arrived != amount) revert IncompleteDeposit(arrived, amount);

        _printAction("Deposit");
        _printAmount("Amount:       ", known.token, amount);
    }

    function _requireSafe(Known memory known) private view {
        address chequebook = address(known.chequebook);
        if (!_isProven(known) && !_boolOr("ALLOW_UNPROVEN", false)) {
            console.log("Set ALLOW_UNPROVEN=true to deposit nevertheless.");
            revert Unproven(chequebook);
        }
        _requireAlive(known);
        uint256 killableAt = known.chequebook.killableAt();
        if (killableAt == 0) return;

        console.log("Warning: the end of this chequebook is announced.");
        if (_boolOr("ALLOW_ENDING", false)) return;
        console.log("Set ALLOW_ENDING=true to deposit nevertheless.");
        revert Ending(chequebook, killableAt);
    }

    /// @param needed What `sender` is to send, without the fee for gas.
    function _requireFunds(address sender, Known memory known, uint256 needed) internal view {
        uint256 balance = _assets(known, sender);
        if (balance < needed) revert InsufficientFunds(sender, balance, needed);
    }
}
