// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {DepositBase} from "./DepositBase.s.sol";

/// @title Deposit
/// @notice Adds to the deposit of a chequebook, in ether or in its token. Anyone may; at the kill the balance returns
/// to the owner.
///
///     CHEQUEBOOK=0x… AMOUNT=1000000000000000000 \
///         forge script script/Deposit.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook. Required.
/// - AMOUNT: the amount to add, in wei, or in the smallest unit of the token. Above zero. Required.
/// - ALLOW_UNPROVEN, ALLOW_ENDING: as {DepositBase} says.
contract Deposit is DepositBase {
    /// @notice Thrown when $AMOUNT is zero.
    error ZeroAmount();

    function run() external {
        address sender = _sender();
        Known memory known = _chequebook();
        uint256 amount = vm.envUint("AMOUNT");
        if (amount == 0) revert ZeroAmount();

        _deposit(sender, known, amount);
        _print(known);
    }
}
