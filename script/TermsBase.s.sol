// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {Base} from "./Base.s.sol";

/// @title TermsBase
/// @notice What a new chequebook is created with. None of it ever changes, and its address follows from all of it.
///
/// - FORM: direct, the cheapest to cash from; clone, the cheapest to create; or token, which pays an ERC-20 token.
///   Default: clone.
/// - TOKEN: the token. Required for the form token, and wrong for the others.
/// - OWNER: the account that may announce, cancel and kill. Default: the sender.
/// - SIGNER: the address that must sign cheques. Default: the owner. A contract cannot sign.
/// - NOTICE_PERIOD: the minimum time between the announcement of a kill and the kill, in seconds. Default: 86400, one
///   day. In that time a payee can cash even if its service is down overnight or the chain is congested, and the owner
///   receives the balance the next day. With 0 the owner can take the deposit at any moment.
/// - SALT: 32 bytes. Chequebooks with the same terms and different salts have different addresses. Default: zero.
abstract contract TermsBase is Base {
    uint256 private constant DEFAULT_NOTICE_PERIOD = 1 days;

    /// @notice Thrown when $FORM is not one of those `expected`.
    error UnknownForm(string form, string expected);

    /// @notice Thrown when `variable` is set to the zero address.
    error ZeroAddress(string variable);

    /// @notice Thrown when `signer` is a contract, which has no key to sign cheques with.
    error SignerIsContract(address signer);

    /// @notice Thrown when `noticePeriod` is above `max`. Both in seconds.
    error NoticePeriodTooLong(uint256 noticePeriod, uint256 max);

    function _form() internal view returns (IChequebookFactory.Form) {
        string memory form = _stringOr("FORM", "clone");
        if (_equal(form, "direct")) return IChequebookFactory.Form.Direct;
        if (_equal(form, "clone")) return IChequebookFactory.Form.Clone;
        if (_equal(form, "token")) return IChequebookFactory.Form.Token;
        revert UnknownForm(form, "direct, clone or token");
    }

    function _terms(address defaultOwner, IChequebookFactory.Form form)
        internal
        view
        returns (IChequebookFactory.Terms memory terms)
    {
        bool token = form == IChequebookFactory.Form.Token;
        terms.owner = _nonZero("OWNER", defaultOwner);
        terms.signer = _nonZero("SIGNER", terms.owner);
        terms.noticePeriod = _noticePeriod();
        terms.token = token ? vm.envAddress("TOKEN") : _addressOr("TOKEN", address(0));
        if (_isContract(terms.signer)) revert SignerIsContract(terms.signer);
        if (token != _isContract(terms.token)) revert IChequebookFactory.InvalidToken(form, terms.token);
    }

    function _salt() internal view returns (bytes32) {
        return vm.envExists("SALT") ? vm.envBytes32("SALT") : bytes32(0);
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
