// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {TokenAsset} from "./Asset.sol";
import {CloneBase} from "./CloneBase.sol";
import {IChequebook} from "./interfaces/IChequebook.sol";
import {ITokenChequebook} from "./interfaces/ITokenChequebook.sol";

/// @title TokenChequebook
/// @notice A clone that pays an ERC-20 token, which is one of its terms.
contract TokenChequebook is CloneBase, TokenAsset, ITokenChequebook {
    /// @inheritdoc IChequebook
    receive() external payable {
        revert EtherRefused();
    }

    /// @inheritdoc ITokenChequebook
    function token() external view returns (IERC20) {
        return _token();
    }

    function _token() internal view override returns (IERC20) {
        return IERC20(_address(TOKEN));
    }

    /// @inheritdoc ITokenChequebook
    function reclaim() external onlyOwner {
        if (killableAt != NEVER) revert NotDead();
        uint256 amount = _balance();

        emit Reclaimed({amount: amount});

        _pay(payable(msg.sender), amount);
    }
}
