// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {Vm} from "forge-std/Vm.sol";

enum Scheme {
    Packed,
    Typed
}

struct Signature {
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice Signs cheques for the tests. It does not use {ChequeHash}, and its constants were not computed by solc, so
/// that a mistake there is not repeated here.
library Cheques {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function sign(Scheme scheme, uint256 key, address chequebook, address beneficiary, uint256 amount)
        internal
        view
        returns (Signature memory signature)
    {
        (signature.v, signature.r, signature.s) = vm.sign(key, digest(scheme, chequebook, beneficiary, amount));
    }

    /// @notice The calldata that cashes a cheque of this scheme.
    function cashCall(Scheme scheme, address payable beneficiary, uint256 amount, Signature memory signature)
        internal
        pure
        returns (bytes memory)
    {
        bytes4 selector = scheme == Scheme.Packed ? IChequebook.cash.selector : IChequebook.cashTyped.selector;
        return abi.encodeWithSelector(selector, beneficiary, amount, signature.v, signature.r, signature.s);
    }

    /// @notice The calldata that cashes a cheque of this scheme only if it is covered.
    function coveredCall(Scheme scheme, address payable beneficiary, uint256 amount, Signature memory signature)
        internal
        pure
        returns (bytes memory)
    {
        bytes4 selector =
            scheme == Scheme.Packed ? IChequebook.cashIfCovered.selector : IChequebook.cashTypedIfCovered.selector;
        return abi.encodeWithSelector(selector, beneficiary, amount, signature.v, signature.r, signature.s);
    }

    /// @notice The cheque in the format of the clearing house.
    function compact(
        Scheme scheme,
        IChequebook chequebook,
        address payable beneficiary,
        uint256 amount,
        Signature memory signature
    ) internal pure returns (IClearingHouse.Cheque memory) {
        return IClearingHouse.Cheque({
            chequebook: chequebook,
            beneficiary: beneficiary,
            amount: amount,
            typed: scheme == Scheme.Typed,
            r: signature.r,
            vs: bytes32(uint256(signature.v - 27) << 255 | uint256(signature.s))
        });
    }

    /// @notice The other signature by the same signer over the same digest: a high `s` for a low one, and vice versa.
    function twin(Signature memory signature) internal pure returns (Signature memory) {
        return
            Signature({v: signature.v == 27 ? 28 : 27, r: signature.r, s: bytes32(CURVE_ORDER - uint256(signature.s))});
    }

    function digest(Scheme scheme, address chequebook, address beneficiary, uint256 amount)
        internal
        view
        returns (bytes32)
    {
        return scheme == Scheme.Packed
            ? keccak256(bytes.concat(bytes20(chequebook), bytes20(beneficiary), bytes32(amount)))
            : typedDigest(block.chainid, chequebook, beneficiary, amount);
    }

    function typedDigest(uint256 chainId, address chequebook, address beneficiary, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            bytes.concat(
                // EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)
                hex"8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f",
                // Chequebook
                hex"cdeae55d99692d2ef1817623ce631bbabdb8a7b750dae41c238ddda20bef8e7b",
                // 1
                hex"c89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc6",
                bytes32(chainId),
                bytes32(uint256(uint160(chequebook)))
            )
        );
        bytes32 cheque = keccak256(
            bytes.concat(
                // Cheque(address beneficiary,uint256 amount)
                hex"1cee2bc75a6ac768451b08393aae8390109bd097c9ec628fd1ebb46a83a1de15",
                bytes32(uint256(uint160(beneficiary))),
                bytes32(amount)
            )
        );
        return keccak256(bytes.concat(hex"1901", domain, cheque));
    }
}
