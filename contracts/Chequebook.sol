// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EtherAsset} from "./Asset.sol";
import {ChequebookBase} from "./ChequebookBase.sol";
import {Mortal} from "./Mortal.sol";
import {Owned} from "./Owned.sol";
import {IChequebook, IMortal, IOwned} from "./interfaces/IChequebook.sol";

/// @title Chequebook
/// @notice The direct form: the cheapest to cash from. Owner, signer and notice period are immutable.
/// @dev {ChequebookFactory} creates it, and checks the terms. **Created in any other way it proves nothing**: another
/// constructor can write storage first, and then leave exactly this code.
contract Chequebook is ChequebookBase, EtherAsset {
    address private immutable _owner;
    address private immutable _signer;
    uint256 private immutable _noticePeriod;
    uint256 private immutable _bornAt;

    /// @param owner_ The account that may announce, cancel and kill.
    /// @param signer_ The address that must sign cheques.
    /// @param noticePeriod_ The minimum time between the announcement of a kill and the kill, in seconds.
    constructor(address owner_, address signer_, uint32 noticePeriod_) payable {
        _owner = owner_;
        _signer = signer_;
        _noticePeriod = noticePeriod_;
        _bornAt = block.number;
    }

    /// @inheritdoc IChequebook
    receive() external payable alive {}

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
