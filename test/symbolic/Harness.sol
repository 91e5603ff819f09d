// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The cheatcodes of halmos.
interface SymbolicVm {
    /// @notice Makes all of an account's storage arbitrary.
    function enableSymbolicStorage(address account) external;

    function createBytes(uint256 size, string calldata name) external returns (bytes memory);

    /// @notice One path for each function of a contract, with arbitrary arguments; one without data; one with another
    /// selector.
    function createCalldata(string calldata contractName, bool includeView) external returns (bytes memory);
}

/// @notice A cheque, its signature, and by which of the four functions it is cashed.
struct Cheque {
    uint8 entry;
    address payable beneficiary;
    uint256 amount;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice What all proofs share. Functions named check_* are run by halmos: all their arguments are arbitrary.
abstract contract Harness {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    SymbolicVm internal constant svm = SymbolicVm(address(uint160(uint256(keccak256("svm cheat code")))));

    /// @dev The `killableAt` of a dead chequebook.
    uint256 internal constant NEVER = type(uint256).max;

    /// @dev The creation code of a compiled contract. By `new` it would be part of each proof, and a proof would have to
    /// be compiled again for each sabotage.
    function _code(string memory file, string memory name) internal view returns (bytes memory) {
        return vm.getCode(string.concat("cache/audit/out/", file, "/", name, ".json"));
    }

    function _deploy(bytes memory code) internal returns (address payable deployed) {
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        assert(deployed != address(0));
    }

    /* CHEQUES */

    function _selector(uint8 entry) internal pure returns (bytes4) {
        if (entry == 0) return IChequebook.cash.selector;
        if (entry == 1) return IChequebook.cashTyped.selector;
        if (entry == 2) return IChequebook.cashIfCovered.selector;
        vm.assume(entry == 3);
        return IChequebook.cashTypedIfCovered.selector;
    }

    function _cash(IChequebook book, Cheque memory cheque) internal returns (bool success) {
        (success,) = address(book).call(_encode(cheque));
    }

    function _encode(Cheque memory cheque) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            _selector(cheque.entry), cheque.beneficiary, cheque.amount, cheque.v, cheque.r, cheque.s
        );
    }

    /// @dev Whether `signer` signed exactly this cheque.
    function _signed(address signer, address book, Cheque memory cheque) internal view returns (bool) {
        bytes32 digest = cheque.entry % 2 == 0
            ? _packedDigest(book, cheque.beneficiary, cheque.amount)
            : _typedDigest(book, cheque.beneficiary, cheque.amount);
        address recovered = ecrecover(digest, cheque.v, cheque.r, cheque.s);

        return recovered == signer && recovered != address(0);
    }

    /// @dev By the words of the specification, not by the library that the contracts use.
    function _packedDigest(address book, address beneficiary, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(book, beneficiary, amount));
    }

    function _typedDigest(address book, address beneficiary, uint256 amount) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Chequebook"),
                keccak256("1"),
                block.chainid,
                book
            )
        );
        bytes32 cheque =
            keccak256(abi.encode(keccak256("Cheque(address beneficiary,uint256 amount)"), beneficiary, amount));

        return keccak256(abi.encodePacked(hex"1901", domain, cheque));
    }

    /* CALLS */

    /// @dev Any call at all: the well-formed ones, and 164 arbitrary bytes, which include malformed arguments. (No
    /// function of a chequebook reads more than 164 bytes.)
    function _anyCalldata(string memory contractName, bool raw) internal returns (bytes memory) {
        return raw ? svm.createBytes(164, "calldata") : svm.createCalldata(contractName, true);
    }

    /// @dev The cheque in the calldata of one of the four entries.
    function _decode(bytes memory data) internal pure returns (Cheque memory cheque) {
        bytes4 selector = _selectorOf(data);
        if (selector == IChequebook.cash.selector) cheque.entry = 0;
        else if (selector == IChequebook.cashTyped.selector) cheque.entry = 1;
        else if (selector == IChequebook.cashIfCovered.selector) cheque.entry = 2;
        else cheque.entry = 3;

        assembly ("memory-safe") {
            let words := add(data, 36)
            mstore(add(cheque, 32), and(mload(words), sub(shl(160, 1), 1)))
            mstore(add(cheque, 64), mload(add(words, 32)))
            mstore(add(cheque, 96), and(mload(add(words, 64)), 0xff))
            mstore(add(cheque, 128), mload(add(words, 96)))
            mstore(add(cheque, 160), mload(add(words, 128)))
        }
    }

    function _selectorOf(bytes memory data) internal pure returns (bytes4 selector) {
        assembly ("memory-safe") {
            selector := and(mload(add(data, 32)), shl(224, 0xffffffff))
        }
    }

    function _isCash(bytes memory data) internal pure returns (bool) {
        bytes4 selector = _selectorOf(data);
        return data.length >= 164
            && (selector == IChequebook.cash.selector
                || selector == IChequebook.cashTyped.selector
                || selector == IChequebook.cashIfCovered.selector
                || selector == IChequebook.cashTypedIfCovered.selector);
    }
}
