// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequeHash} from "../../contracts/libraries/ChequeHash.sol";
import {Harness} from "./Harness.sol";

/// @notice The digests of cheques.
contract Digests is Harness {
    /// A digest is of one scheme only. halmos takes keccak256 for injective: what is proven is that the 72 hashed bytes
    /// of a packed cheque are never the 66 of a typed one.
    function check_packed_and_typed_never_meet(
        address book,
        address to,
        uint256 amount,
        address otherBook,
        address otherTo,
        uint256 otherAmount,
        uint256 chain
    ) public pure {
        assert(ChequeHash.packed(book, to, amount) != ChequeHash.typed(chain, otherBook, otherTo, otherAmount));
    }

    /// A digest is of one cheque only.
    function check_packed_digest_is_of_one_cheque(
        address book,
        address to,
        uint256 amount,
        address otherBook,
        address otherTo,
        uint256 otherAmount
    ) public pure {
        vm.assume(book != otherBook || to != otherTo || amount != otherAmount);
        assert(ChequeHash.packed(book, to, amount) != ChequeHash.packed(otherBook, otherTo, otherAmount));
    }

    function check_typed_digest_is_of_one_cheque(
        uint256 chain,
        address book,
        address to,
        uint256 amount,
        uint256 otherChain,
        address otherBook,
        address otherTo,
        uint256 otherAmount
    ) public pure {
        vm.assume(chain != otherChain || book != otherBook || to != otherTo || amount != otherAmount);
        assert(
            ChequeHash.typed(chain, book, to, amount) != ChequeHash.typed(otherChain, otherBook, otherTo, otherAmount)
        );
    }

    /// The assembly computes what EIP-712 says.
    function check_digests_are_the_specified(address book, address to, uint256 amount) public view {
        assert(ChequeHash.packed(book, to, amount) == _packedDigest(book, to, amount));
        assert(ChequeHash.typed(block.chainid, book, to, amount) == _typedDigest(book, to, amount));
    }

    /// The control: equal cheques have equal digests.
    function check_packed_digest_is_of_one_cheque_reachable(address book, address to, uint256 amount, uint256 other)
        public
        pure
    {
        assert(ChequeHash.packed(book, to, amount) != ChequeHash.packed(book, to, other));
    }

    function check_typed_digest_is_of_one_cheque_reachable(address book, address to, uint256 amount, uint256 other)
        public
        pure
    {
        assert(ChequeHash.typed(1, book, to, amount) != ChequeHash.typed(1, book, to, other));
    }
}
