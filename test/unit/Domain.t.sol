// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";

/// @notice What a wallet learns from `eip712Domain` (ERC-5267) is what a typed cheque is signed over.
abstract contract DomainTest is FormTest {
    /// @dev On every chain: the answer follows the chain as the digest does.
    function testFuzz_AChequeSignedOverTheAnswer_IsCashed(uint64 chainId, uint256 amount) public {
        vm.chainId(bound(chainId, 1, type(uint64).max - 1));
        amount = bound(amount, 1, DEPOSIT);
        IChequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
        bytes32 cheque = keccak256(abi.encode(keccak256("Cheque(address beneficiary,uint256 amount)"), payee, amount));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", _separator(chequebook), cheque));
        Signature memory signature;
        (signature.v, signature.r, signature.s) = vm.sign(signer.key, digest);

        _submit(Scheme.Typed, chequebook, payee, amount, signature);

        assertEq(_balance(payee), amount);
    }

    /// @dev Of the fields that the answer names: here the first four, 0x0f.
    function _separator(IChequebook chequebook) private view returns (bytes32) {
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        ) = chequebook.eip712Domain();
        assertEq(fields, hex"0f");
        assertEq(salt, 0);
        assertEq(extensions.length, 0);
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                verifyingContract
            )
        );
    }
}

contract DomainDirectTest is DomainTest, DirectForm {}

contract DomainCloneTest is DomainTest, CloneForm {}

contract DomainTokenTest is DomainTest, TokenForm {}
