// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookBase} from "./ChequebookBase.sol";
import {Mortal} from "./Mortal.sol";
import {Owned} from "./Owned.sol";
import {IMortal, IOwned} from "./interfaces/IChequebook.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title Chequebook
/// @notice The form that is deployed directly: the cheapest to cash from. Owner, signer and notice period are
/// immutable.
contract Chequebook is ChequebookBase {
    address private immutable _owner;
    address private immutable _signer;
    uint256 private immutable _noticePeriod;
    uint256 private immutable _bornAt;

    /// @param owner_ The account that may announce, cancel and kill; not zero.
    /// @param signer_ The address that must sign cheques; zero stands for the owner.
    /// @param noticePeriod_ The minimum time between the announcement of a kill and the kill, in seconds.
    constructor(address owner_, address signer_, uint32 noticePeriod_) payable {
        _owner = owner_;
        _signer = Terms.signerFor(owner_, signer_);
        _noticePeriod = noticePeriod_;
        _bornAt = block.number;
    }

    /* CONSTANTS */

    /// @inheritdoc IOwned
    function owner() public view override(IOwned, Owned) returns (address) {
        return _owner;
    }

    /// @inheritdoc ChequebookBase
    function signer() public view override returns (address) {
        return _signer;
    }

    /// @inheritdoc IMortal
    function noticePeriod() public view override(IMortal, Mortal) returns (uint256) {
        return _noticePeriod;
    }

    function _birthBlock() internal view override returns (uint256) {
        return _bornAt;
    }
}
