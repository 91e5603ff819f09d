// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {ChequeHash} from "../contracts/libraries/ChequeHash.sol";
import {Base} from "./Base.s.sol";

/// @title Cash
/// @notice Cashes a cheque. Anyone may; the beneficiary is paid.
///
///     CHEQUEBOOK=0x… CHEQUE="$(cat cheque.json)" \
///         forge script script/Cash.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook that is to pay. Required.
/// - CHEQUE: the cheque as JSON, its amount a decimal string of wei, its scheme "packed" or "typed". Required.
///   {"contract":"0x…","beneficiary":"0x…","amount":"42","scheme":"packed","chainId":1,"signature":"0x…"}
/// - ALLOW_OVERDRAFT: true consents to being paid less than is due, which ends the chequebook. Default: false.
///
/// @dev A chequebook does not die in the block that created it, so an overdraft has to wait for another block.
/// @dev Warning: another cheque may be cashed between the checks and this transaction. It then pays less and ends the
/// chequebook, with or without consent.
contract Cash is Base {
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

    /// @notice Thrown when the cheque's `amount` is not a decimal number of wei, like `expected`.
    error InvalidAmount(string amount, string expected);

    /// @notice Thrown when the cheque's `scheme` is not one of those `expected`.
    error UnknownScheme(string scheme, string expected);

    /// @notice Thrown when the cheque's signature has not the length `expected`. Both in bytes.
    error InvalidSignatureLength(uint256 length, uint256 expected);

    /// @notice Thrown when the cheque is for `chequebook`, and $CHEQUEBOOK is `expected`.
    error WrongChequebook(address chequebook, address expected);

    /// @notice Thrown when the cheque is for `chainId`, and the chain is `expected`.
    error WrongChain(uint256 chainId, uint256 expected);

    /// @notice Thrown when the cheque is signed by `signer`, zero if by nobody, and the chequebook pays for `expected`.
    error WrongSigner(address signer, address expected);

    /// @notice Thrown when the cheque would pay just `paid` of what is `due`, without consent. Both in wei.
    error OverdraftNotAllowed(uint256 paid, uint256 due);

    function run() external {
        _sender();
        Chequebook chequebook = _chequebook();
        Cheque memory cheque = _parse(vm.envString("CHEQUE"));
        _requireGood(cheque, chequebook);

        uint256 sent = chequebook.sent(cheque.beneficiary);
        uint256 balance = address(chequebook).balance;
        uint256 due = cheque.amount - sent;
        bool overdraft = due > balance;
        if (overdraft) _requireConsent(chequebook, due);
        uint256 paid = overdraft ? balance : due;

        vm.broadcast();
        _cash(chequebook, cheque);

        vm.assertEq(chequebook.sent(cheque.beneficiary), sent + paid, "sent");
        vm.assertEq(address(chequebook).balance, balance - paid, "balance");
        if (overdraft) vm.assertTrue(_isDead(chequebook), "the chequebook survived its overdraft");

        _printAction("Cash");
        console.log("Beneficiary:   %s", cheque.beneficiary);
        _printWei("Payment:      ", paid);
        _print(chequebook);
    }

    /* PARSE */

    function _parse(string memory json) private pure returns (Cheque memory cheque) {
        cheque.chequebook = vm.parseJsonAddress(json, ".contract");
        cheque.beneficiary = payable(vm.parseJsonAddress(json, ".beneficiary"));
        cheque.amount = _parseAmount(vm.parseJsonString(json, ".amount"));
        cheque.typed = _parseTyped(vm.parseJsonString(json, ".scheme"));
        cheque.chainId = vm.parseJsonUint(json, ".chainId");

        bytes memory signature = vm.parseJsonBytes(json, ".signature");
        if (signature.length != SIGNATURE_LENGTH) revert InvalidSignatureLength(signature.length, SIGNATURE_LENGTH);
        (cheque.r, cheque.s) = abi.decode(signature, (bytes32, bytes32));
        cheque.v = uint8(signature[64]);
    }

    /// @dev Forge would also take "0x2a", "1 ether" and the like, which no other reader of cheques does.
    function _parseAmount(string memory text) private pure returns (uint256 amount) {
        amount = vm.parseUint(text);
        string memory expected = vm.toString(amount);
        if (!_equal(text, expected)) revert InvalidAmount(text, expected);
    }

    function _parseTyped(string memory scheme) private pure returns (bool typed) {
        typed = _equal(scheme, "typed");
        if (!typed && !_equal(scheme, "packed")) revert UnknownScheme(scheme, "packed or typed");
    }

    function _equal(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    /* CHECK */

    /// @dev What the contract would refuse, told with both the offending and the expected value.
    function _requireGood(Cheque memory cheque, Chequebook chequebook) private view {
        address expected = address(chequebook);
        if (cheque.chequebook != expected) revert WrongChequebook(cheque.chequebook, expected);
        if (cheque.chainId != block.chainid) revert WrongChain(cheque.chainId, block.chainid);
        if (cheque.beneficiary == expected) revert IChequebook.InvalidBeneficiary(cheque.beneficiary);

        address signer = ecrecover(_digest(cheque), cheque.v, cheque.r, cheque.s);
        if (signer != chequebook.signer()) revert WrongSigner(signer, chequebook.signer());

        uint256 sent = chequebook.sent(cheque.beneficiary);
        if (cheque.amount <= sent) revert IChequebook.StaleCheque(cheque.amount, sent);
    }

    function _digest(Cheque memory cheque) private pure returns (bytes32) {
        return cheque.typed
            ? ChequeHash.typed(cheque.chainId, cheque.chequebook, cheque.beneficiary, cheque.amount)
            : ChequeHash.packed(cheque.chequebook, cheque.beneficiary, cheque.amount);
    }

    /// @dev Ether that was forced into a dead chequebook pays a covered cheque, but it cannot be overdrawn.
    function _requireConsent(Chequebook chequebook, uint256 due) private view {
        _requireAlive(chequebook);

        console.log("Warning: the balance is short. This cheque takes all of it and ends the chequebook.");
        _printWei("Due:          ", due);
        _printWei("Would be paid:", address(chequebook).balance);
        if (_boolOr("ALLOW_OVERDRAFT", false)) return;

        console.log("Set ALLOW_OVERDRAFT=true to cash nevertheless.");
        revert OverdraftNotAllowed(address(chequebook).balance, due);
    }

    /* CASH */

    function _cash(Chequebook chequebook, Cheque memory cheque) private {
        if (cheque.typed) chequebook.cashTyped(cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s);
        else chequebook.cash(cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s);
    }
}
