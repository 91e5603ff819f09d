// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IChequebook} from "./IChequebook.sol";

/// @title ITokenChequebook
/// @notice A chequebook whose asset is an ERC-20 token. A deposit is a transfer of the token to the address of the
/// chequebook, at any time, also before it is created. It takes no ether, and ether that stands at its address is
/// stuck.
/// @dev It dies without `selfdestruct`: dying sets `killableAt`, and then pays the whole balance. If the token refuses
/// that payment, nothing is changed: the chequebook lives, and a cheque stays valid.
/// @dev Warning: tokens that arrive after the death cannot be refused. They pay covered cheques, and the owner takes
/// the rest by `reclaim`.
/// @dev Warning: a token must move exactly what it is asked to move, and must not change balances by itself. With a fee
/// that is taken from what arrives, the beneficiary receives less than its `sent` says; with a fee on top, the whole
/// balance can never leave; where balances shrink, valid cheques become overdrafts. What a token's issuer can do, a
/// chequebook cannot prevent: pause it, block an account, or take the balance.
interface ITokenChequebook is IChequebook {
    /// @notice Emitted when the owner of a dead chequebook takes the tokens that arrived after the death.
    /// @param amount How many.
    event Reclaimed(uint256 amount);

    /// @notice Thrown when ether is sent to the chequebook.
    error EtherRefused();

    /// @notice Thrown when the chequebook is alive, and the call requires a dead one.
    error NotDead();

    /// @notice The asset. Never changes.
    /// @return The ERC-20 token.
    function token() external view returns (IERC20);

    /// @notice Sends the tokens of a dead chequebook to its owner.
    /// @dev Emits {Reclaimed}.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be dead.
    /// - The token must allow the transfer.
    function reclaim() external;
}
