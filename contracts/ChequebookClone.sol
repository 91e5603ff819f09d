// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

import {ChequebookBase} from "./ChequebookBase.sol";
import {Mortal} from "./Mortal.sol";
import {Owned} from "./Owned.sol";
import {IMortal, IOwned} from "./interfaces/IChequebook.sol";
import {IChequebookFactory} from "./interfaces/IChequebookFactory.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title ChequebookClone
/// @notice The form that {ChequebookFactory} creates: the cheapest to create. Each chequebook is a minimal clone
/// (ERC-1167): it runs this code on its own storage, and owner, signer and notice period are part of its own code.
/// @dev The implementation itself is not a chequebook: it has no owner and no signer, and is dead from its creation on,
/// so that it takes no deposit and never destroys itself.
contract ChequebookClone is ChequebookBase {
    /// @notice Thrown when the implementation is asked for its owner, signer or notice period, which only a clone has.
    error NotAClone();

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
    function owner() public view override(IOwned, Owned) returns (address owner_) {
        (owner_,,) = _terms();
    }

    /// @inheritdoc ChequebookBase
    function signer() public view override returns (address signer_) {
        (, signer_,) = _terms();
    }

    /// @inheritdoc IMortal
    function noticePeriod() public view override(IMortal, Mortal) returns (uint256 noticePeriod_) {
        (,, noticePeriod_) = _terms();
    }

    /// @dev The factory stores the block, because a clone has no constructor that could.
    function _birthBlock() internal view override returns (uint256) {
        return _factory.bornAt(address(this));
    }

    function _terms() private view returns (address, address, uint256) {
        if (address(this) == _implementation) revert NotAClone();

        return Terms.decode(Clones.fetchCloneArgs(address(this)));
    }
}
