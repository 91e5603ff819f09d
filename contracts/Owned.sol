// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IOwned} from "./interfaces/IChequebook.sol";

/// @title Owned
/// @notice The owner of a chequebook: the account that may announce, cancel and kill.
abstract contract Owned is IOwned {
    modifier onlyOwner() {
        _checkOwner();
        _;
    }

    /// @inheritdoc IOwned
    function owner() public view virtual returns (address);

    /// @dev A function, so that the check is in the bytecode only once.
    function _checkOwner() private view {
        if (msg.sender != owner()) revert NotOwner(msg.sender);
    }
}
