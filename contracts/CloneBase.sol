// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookBase} from "./ChequebookBase.sol";
import {Mortal} from "./Mortal.sol";
import {Owned} from "./Owned.sol";
import {IMortal, IOwned} from "./interfaces/IChequebook.sol";
import {IChequebookFactory} from "./interfaces/IChequebookFactory.sol";

/// @title CloneBase
/// @notice A chequebook that is a minimal clone (ERC-1167): it runs the code of the implementation on its own storage,
/// and its terms stand in its own code, behind the 45 bytes of the clone: owner, signer, notice period and, of a token
/// chequebook, the token.
/// @dev The implementation itself is not a chequebook: it has no terms, and is dead from its creation on, so that it
/// takes no deposit and never destroys itself.
abstract contract CloneBase is ChequebookBase {
    /// @notice Thrown when the implementation is asked for terms, which only a clone has.
    error NotAClone();

    uint256 private constant OWNER = 45;
    uint256 private constant SIGNER = 65;
    uint256 private constant NOTICE_PERIOD = 85;
    uint256 internal constant TOKEN = 89;

    address private immutable _implementation;
    IChequebookFactory private immutable _factory;

    /// @dev The factory creates it.
    constructor() {
        _implementation = address(this);
        _factory = IChequebookFactory(msg.sender);

        killableAt = NEVER;
    }

    /* CONSTANTS */

    /// @inheritdoc IOwned
    function owner() public view override(IOwned, Owned) returns (address) {
        return _address(OWNER);
    }

    /// @inheritdoc ChequebookBase
    function signer() public view override returns (address) {
        return _address(SIGNER);
    }

    /// @inheritdoc IMortal
    function noticePeriod() public view override(IMortal, Mortal) returns (uint256) {
        return _word(NOTICE_PERIOD) >> 224;
    }

    /// @dev The factory stores the block, because a clone has no constructor that could.
    function _birthBlock() internal view override returns (uint256) {
        return _factory.bornAt(address(this));
    }

    /* CODE */

    function _address(uint256 offset) internal view returns (address) {
        return address(uint160(_word(offset) >> 96));
    }

    /// @dev The 32 bytes of this account's code that begin at `offset`; beyond the end of the code they are zero, as
    /// all are in an account that delegates to the implementation (EIP-7702). Assembly, because Solidity copies the
    /// code as a whole, which costs a cash 400 gas more.
    function _word(uint256 offset) private view returns (uint256 word) {
        if (address(this) == _implementation) revert NotAClone();

        assembly ("memory-safe") {
            extcodecopy(address(), 0, offset, 32)
            word := mload(0)
        }
    }
}
