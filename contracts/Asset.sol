// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IChequebook} from "./interfaces/IChequebook.sol";

/// @title Asset
/// @notice What a chequebook pays with. The rules ask only these three things of it.
abstract contract Asset {
    /// @dev What the chequebook has.
    function _balance() internal view virtual returns (uint256);

    /// @dev Sends `amount`. Reverts with {PaymentFailed} if that is refused.
    function _pay(address payable recipient, uint256 amount) internal virtual;

    /// @dev Sends `balance`, which is all, as the last effect of a death.
    function _release(address payable recipient, uint256 balance) internal virtual;
}

/// @title EtherAsset
/// @notice The asset is ether.
abstract contract EtherAsset is Asset {
    function _balance() internal view override returns (uint256) {
        return address(this).balance;
    }

    function _pay(address payable recipient, uint256 amount) internal override {
        (bool success,) = recipient.call{value: amount}("");
        if (!success) revert IChequebook.PaymentFailed();
    }

    /// @dev Runs no code of the recipient, so nobody can refuse it.
    function _release(address payable recipient, uint256) internal virtual override {
        selfdestruct(recipient);
    }
}

/// @title TokenAsset
/// @notice The asset is an ERC-20 token.
abstract contract TokenAsset is Asset {
    function _token() internal view virtual returns (IERC20);

    function _balance() internal view override returns (uint256) {
        return _token().balanceOf(address(this));
    }

    /// @dev An amount of zero makes no transfer: some tokens refuse that, and the chequebook could not be killed. The
    /// error of a token is not passed on: it could look like one of ours.
    function _pay(address payable recipient, uint256 amount) internal override {
        if (amount == 0) return;
        if (!SafeERC20.trySafeTransfer(_token(), recipient, amount)) revert IChequebook.PaymentFailed();
    }

    function _release(address payable recipient, uint256 balance) internal override {
        _pay(recipient, balance);
    }
}
