// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EtherAsset} from "./Asset.sol";
import {CloneBase} from "./CloneBase.sol";
import {IChequebook} from "./interfaces/IChequebook.sol";

/// @title ChequebookClone
/// @notice A clone that pays ether: the cheapest form to create.
contract ChequebookClone is CloneBase, EtherAsset {
    /// @inheritdoc IChequebook
    receive() external payable alive {}
}
