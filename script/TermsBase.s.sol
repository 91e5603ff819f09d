// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {Base} from "./Base.s.sol";

/// @title TermsBase
/// @notice The terms of a new chequebook, for the scripts that create one.
///
/// - OWNER: the account that may announce, cancel and kill. Default: the sender.
/// - SIGNER: the address that must sign cheques. Default: the owner. A contract cannot sign.
/// - NOTICE_PERIOD: the minimum time between the announcement of a kill and the kill, in seconds. Default: 86400, one
///   day. In that time a payee can cash even if its service is down overnight or the chain is congested, and the owner
///   receives the balance the next day. With 0 the owner can take the deposit at any moment.
abstract contract TermsBase is Base {
    uint256 private constant DEFAULT_NOTICE_PERIOD = 1 days;

    struct Terms {
        address owner;
        address signer;
        uint32 noticePeriod;
    }

    /// @notice Thrown when `variable` is set to the zero address.
    error ZeroAddress(string variable);

    /// @notice Thrown when `signer` is a contract, which has no key to sign cheques with.
    error SignerIsContract(address signer);

    /// @notice Thrown when `noticePeriod` is above `max`. Both in seconds.
    error NoticePeriodTooLong(uint256 noticePeriod, uint256 max);

    function _terms(address defaultOwner) internal view returns (Terms memory terms) {
        terms.owner = _nonZero("OWNER", defaultOwner);
        terms.signer = _nonZero("SIGNER", terms.owner);
        terms.noticePeriod = _noticePeriod();
        if (_isContract(terms.signer)) revert SignerIsContract(terms.signer);
    }

    /// @dev Checks a chequebook that was just created, and prints its state.
    function _checkAndPrint(Chequebook chequebook, Terms memory terms, uint256 balance) internal {
        _requireGenuine(address(chequebook));
        vm.assertEq(chequebook.owner(), terms.owner, "owner");
        vm.assertEq(chequebook.signer(), terms.signer, "signer");
        vm.assertEq(chequebook.noticePeriod(), terms.noticePeriod, "notice period");
        vm.assertEq(address(chequebook).balance, balance, "balance");

        _printAction("Deployment");
        _print(chequebook);
        if (terms.noticePeriod == 0) {
            console.log("Warning: no notice period. The owner may take the deposit at any moment.");
        }
    }

    function _nonZero(string memory variable, address defaultValue) private view returns (address value) {
        value = _addressOr(variable, defaultValue);
        if (value == address(0)) revert ZeroAddress(variable);
    }

    function _noticePeriod() private view returns (uint32) {
        uint256 noticePeriod = _uintOr("NOTICE_PERIOD", DEFAULT_NOTICE_PERIOD);
        if (noticePeriod > type(uint32).max) revert NoticePeriodTooLong(noticePeriod, type(uint32).max);

        // forge-lint: disable-next-line(unsafe-typecast) -- checked above
        return uint32(noticePeriod);
    }

    /// @dev EIP-7702: an account with a key may have the code 0xef0100 and an address. It is not a contract.
    function _isContract(address account) private view returns (bool) {
        return account.code.length != 0 && bytes3(account.code) != 0xef0100;
    }
}
