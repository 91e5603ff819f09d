// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IOwned} from "../interfaces/IChequebook.sol";

/// @title Terms
/// @notice The terms of a chequebook, which never change: owner, signer and notice period. In the code of a clone they
/// are encoded as this library defines.
library Terms {
    /// @notice The signer, where zero stands for the owner, who must not be zero.
    function signerFor(address owner, address signer) internal pure returns (address) {
        if (owner == address(0)) revert IOwned.ZeroOwner();

        return signer == address(0) ? owner : signer;
    }

    /// @notice The terms in 44 bytes: each byte of a clone's code costs 200 gas when it is created.
    function encode(address owner, address signer, uint32 noticePeriod) internal pure returns (bytes memory) {
        return abi.encodePacked(owner, signerFor(owner, signer), noticePeriod);
    }

    /// @dev Assembly, because Solidity cannot read an address from bytes in memory. Each value is read as a whole word
    /// from its first byte on; the bytes after the value are then shifted out.
    function decode(bytes memory terms) internal pure returns (address owner, address signer, uint256 noticePeriod) {
        assembly ("memory-safe") {
            owner := shr(96, mload(add(terms, 32)))
            signer := shr(96, mload(add(terms, 52)))
            noticePeriod := shr(224, mload(add(terms, 72)))
        }
    }
}
