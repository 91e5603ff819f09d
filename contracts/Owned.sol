// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IOwned} from "./interfaces/IChequebook.sol";

/// @title Owned
/// @notice Who commands a chequebook.
abstract contract Owned is IOwned {
    modifier onlyOwner() {
        _checkOwner();
        _;
    }

    /// @inheritdoc IOwned
    function owner() public view virtual returns (address);

    /// @dev A function, so that the code of the check stands in the bytecode once.
    function _checkOwner() private view {
        if (msg.sender != owner()) revert NotOwner(msg.sender);
    }
}
