// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {ChequeHash} from "../contracts/libraries/ChequeHash.sol";
import {Base} from "./Base.s.sol";

/// @title ChequeBase
/// @notice How the scripts that cash read a cheque: as JSON, its amount a decimal string, in wei or in the smallest
/// unit of the token, its scheme "packed" or "typed".
///
///     {"contract":"0x…","beneficiary":"0x…","amount":"42","scheme":"packed","chainId":1,"signature":"0x…"}
abstract contract ChequeBase is Base {
    uint256 private constant SIGNATURE_LENGTH = 65;

    struct Cheque {
        address chequebook;
        address payable beneficiary;
        uint256 amount;
        bool typed;
        uint256 chainId;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice Thrown when the cheque's `amount` is not a decimal number, like `expected`.
    error InvalidAmount(string amount, string expected);

    /// @notice Thrown when the cheque's `scheme` is not one of those `expected`.
    error UnknownScheme(string scheme, string expected);

    /// @notice Thrown when the cheque's signature has not the length `expected`. Both in bytes.
    error InvalidSignatureLength(uint256 length, uint256 expected);

    /// @notice Thrown when the cheque is for `chainId`, and the chain is `expected`.
    error WrongChain(uint256 chainId, uint256 expected);

    /// @notice Thrown when the cheque is signed by `signer`, and the signer of the chequebook is `expected`. Zero: the
    /// signature is malformed.
    error WrongSigner(address signer, address expected);

    /* PARSE */

    /// @dev The cheque at `path` in `json`.
    function _parse(string memory json, string memory path) internal pure returns (Cheque memory cheque) {
        cheque.chequebook = vm.parseJsonAddress(json, string.concat(path, ".contract"));
        cheque.beneficiary = payable(vm.parseJsonAddress(json, string.concat(path, ".beneficiary")));
        cheque.amount = _parseAmount(vm.parseJsonString(json, string.concat(path, ".amount")));
        cheque.typed = _parseTyped(vm.parseJsonString(json, string.concat(path, ".scheme")));
        cheque.chainId = vm.parseJsonUint(json, string.concat(path, ".chainId"));

        bytes memory signature = vm.parseJsonBytes(json, string.concat(path, ".signature"));
        if (signature.length != SIGNATURE_LENGTH) revert InvalidSignatureLength(signature.length, SIGNATURE_LENGTH);
        (cheque.r, cheque.s) = abi.decode(signature, (bytes32, bytes32));
        cheque.v = uint8(signature[64]);
    }

    /// @dev Forge would also accept "0x2a", "1 ether" and the like, which the Rust client does not.
    function _parseAmount(string memory text) private pure returns (uint256 amount) {
        amount = vm.parseUint(text);
        string memory expected = vm.toString(amount);
        if (!_equal(text, expected)) revert InvalidAmount(text, expected);
    }

    function _parseTyped(string memory scheme) private pure returns (bool typed) {
        typed = _equal(scheme, "typed");
        if (!typed && !_equal(scheme, "packed")) revert UnknownScheme(scheme, "packed or typed");
    }

    /* CHECK */

    /// @dev What the contract would refuse whatever its `sent` is, with the found and the expected value in the error.
    function _requireSigned(Cheque memory cheque) internal view {
        if (cheque.chainId != block.chainid) revert WrongChain(cheque.chainId, block.chainid);
        if (cheque.beneficiary == cheque.chequebook) revert IChequebook.InvalidBeneficiary(cheque.beneficiary);

        address signer = ecrecover(_digest(cheque), cheque.v, cheque.r, cheque.s);
        address expected = IChequebook(payable(cheque.chequebook)).signer();
        if (signer != expected) revert WrongSigner(signer, expected);
    }

    function _digest(Cheque memory cheque) private pure returns (bytes32) {
        return cheque.typed
            ? ChequeHash.typed(cheque.chainId, cheque.chequebook, cheque.beneficiary, cheque.amount)
            : ChequeHash.packed(cheque.chequebook, cheque.beneficiary, cheque.amount);
    }
}
