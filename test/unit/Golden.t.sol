// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {ChequeHash} from "../../contracts/libraries/ChequeHash.sol";
import {BaseTest} from "../Base.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";

/// @notice The golden cheques, which the tests of the Rust client read too: both sides agree on each digest and
/// signature.
contract GoldenTest is BaseTest {
    uint256 private constant CHEQUES = 10;

    struct Golden {
        string name;
        address signer;
        bytes32 digest;
        address chequebook;
        address payable beneficiary;
        uint256 amount;
        Scheme scheme;
        uint256 chainId;
        Signature signature;
    }

    function test_EveryGoldenCheque_HasItsDigest() public view {
        for (uint256 i; i < CHEQUES; i++) {
            Golden memory golden = _read(i);
            bytes32 digest = golden.scheme == Scheme.Packed
                ? ChequeHash.packed(golden.chequebook, golden.beneficiary, golden.amount)
                : ChequeHash.typed(golden.chainId, golden.chequebook, golden.beneficiary, golden.amount);
            assertEq(digest, golden.digest, golden.name);
        }
    }

    function test_EveryGoldenCheque_IsCashed() public {
        for (uint256 i; i < CHEQUES; i++) {
            Golden memory golden = _read(i);
            uint256 snapshot = vm.snapshotState(); // some share a chequebook and a beneficiary
            deployCodeTo("Chequebook.sol:Chequebook", abi.encode(golden.signer, golden.signer, 0), golden.chequebook);
            vm.chainId(golden.chainId);
            vm.deal(golden.beneficiary, 0);
            vm.deal(golden.chequebook, golden.amount);

            _submit(
                golden.scheme,
                IChequebook(payable(golden.chequebook)),
                golden.beneficiary,
                golden.amount,
                golden.signature
            );

            assertEq(golden.beneficiary.balance, golden.amount, golden.name);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function test_TheFileHoldsNoMoreCheques() public view {
        assertFalse(vm.keyExistsJson(_file(), _at(CHEQUES)));
        assertTrue(vm.keyExistsJson(_file(), _at(CHEQUES - 1)));
    }

    function _read(uint256 index) private view returns (Golden memory golden) {
        string memory json = _file();
        string memory entry = _at(index);
        string memory cheque = string.concat(entry, ".cheque");
        bytes memory signature = vm.parseJsonBytes(json, string.concat(cheque, ".signature"));
        golden.name = vm.parseJsonString(json, string.concat(entry, ".name"));
        golden.signer = vm.parseJsonAddress(json, string.concat(entry, ".signer"));
        golden.digest = vm.parseJsonBytes32(json, string.concat(entry, ".digest"));
        golden.chequebook = vm.parseJsonAddress(json, string.concat(cheque, ".contract"));
        golden.beneficiary = payable(vm.parseJsonAddress(json, string.concat(cheque, ".beneficiary")));
        golden.amount = vm.parseUint(vm.parseJsonString(json, string.concat(cheque, ".amount")));
        golden.chainId = vm.parseJsonUint(json, string.concat(cheque, ".chainId"));
        golden.scheme = keccak256(bytes(vm.parseJsonString(json, string.concat(cheque, ".scheme"))))
            == keccak256("packed")
            ? Scheme.Packed
            : Scheme.Typed;
        (golden.signature.r, golden.signature.s, golden.signature.v) = this.split(signature);
    }

    function split(bytes calldata signature) external pure returns (bytes32, bytes32, uint8) {
        assertEq(signature.length, 65);
        return (bytes32(signature[:32]), bytes32(signature[32:64]), uint8(signature[64]));
    }

    function _at(uint256 index) private pure returns (string memory) {
        return string.concat(".cheques[", vm.toString(index), "]");
    }

    function _file() private view returns (string memory) {
        return vm.readFile("test/vectors/cheques.json");
    }
}
