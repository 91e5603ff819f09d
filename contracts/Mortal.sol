// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Asset} from "./Asset.sol";
import {Owned} from "./Owned.sol";
import {IMortal} from "./interfaces/IChequebook.sol";

/// @title Mortal
/// @notice How a chequebook ends.
abstract contract Mortal is IMortal, Owned, Asset {
    /// @dev The `killableAt` of a dead chequebook.
    uint256 internal constant NEVER = type(uint256).max;

    /// @inheritdoc IMortal
    uint256 public killableAt;

    modifier alive() {
        _checkAlive();
        _;
    }

    /// @inheritdoc IMortal
    function noticePeriod() public view virtual returns (uint256);

    /// @dev The number of the block in which the chequebook was created.
    function _birthBlock() internal view virtual returns (uint256);

    /// @dev A function, so that the check is in the bytecode only once.
    function _checkAlive() private view {
        if (killableAt == NEVER) revert Dead();
    }

    /* ANNOUNCE */

    /// @inheritdoc IMortal
    function announceKill() external onlyOwner alive {
        killableAt = block.timestamp + noticePeriod();

        emit KillAnnounced({killableAt: killableAt});
    }

    /// @inheritdoc IMortal
    function cancelKill() external onlyOwner alive {
        if (killableAt == 0) revert NotAnnounced();

        killableAt = 0;

        emit KillCancelled();
    }

    /* DIE */

    /// @inheritdoc IMortal
    function kill() external onlyOwner alive {
        if (noticePeriod() != 0) {
            if (killableAt == 0) revert NotAnnounced();
            if (block.timestamp < killableAt) revert NoticeRunning(killableAt, block.timestamp);
        }

        uint256 refund = _balance();

        emit Killed({refund: refund});

        _die(payable(msg.sender), refund);
    }

    /// @dev The only way to die. Callers must write all other state before, and do nothing after. Never in the block of
    /// creation, because EIP-6780 still erases a contract that is destroyed in the transaction that created it. A
    /// chequebook at a CREATE2 address could then be overdrawn, erased and created again with `sent` zero, and its old
    /// cheques could be cashed again.
    function _die(address payable recipient, uint256 balance) internal {
        _checkAlive();
        if (block.number == _birthBlock()) revert BornThisBlock();

        killableAt = NEVER;

        _release(recipient, balance);
    }
}
