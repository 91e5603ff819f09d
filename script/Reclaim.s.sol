// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ITokenChequebook} from "../contracts/interfaces/ITokenChequebook.sol";
import {Base} from "./Base.s.sol";

/// @title Reclaim
/// @notice Sends the tokens of a dead token chequebook to its owner: those that arrived after its death, which it could
/// not refuse.
///
///     CHEQUEBOOK=0x… forge script script/Reclaim.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook. Required. The sender must be its owner.
///
/// @dev Until then these tokens pay covered cheques.
contract Reclaim is Base {
    /// @notice Thrown when the asset of `chequebook` is ether: a dead one refuses that.
    error NotATokenChequebook(address chequebook);

    /// @notice Thrown when `chequebook` is not dead. A kill pays all tokens to the owner.
    error NotDead(address chequebook);

    /// @notice Thrown when `chequebook` has no tokens.
    error NothingToReclaim(address chequebook);

    function run() external {
        address sender = _sender();
        Known memory known = _chequebook();
        address chequebook = address(known.chequebook);
        if (_isEther(known.token)) revert NotATokenChequebook(chequebook);
        _requireOwner(sender, known);
        if (!_isDead(known)) revert NotDead(chequebook);
        uint256 amount = _balance(known);
        if (amount == 0) revert NothingToReclaim(chequebook);

        vm.broadcast();
        ITokenChequebook(payable(chequebook)).reclaim();

        vm.assertEq(_balance(known), 0, "balance");

        _printAction("Reclaim");
        _printAmount("Reclaimed:    ", known.token, amount);
        _print(known);
    }
}
