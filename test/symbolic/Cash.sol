// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {Form} from "./Forms.sol";
import {Cheque} from "./Harness.sol";

/// @notice What a cash pays and credits.
abstract contract CashProofs is Form {
    function check_cash_pays_what_it_credits(World memory world, Cheque memory cheque, address other) public {
        IChequebook book = _book(world);
        address to = cheque.beneficiary;
        vm.assume(other != to);
        uint256 sent = book.sent(to);
        uint256 otherSent = book.sent(other);
        uint256 balance = _balance(to);

        if (_cash(book, cheque)) {
            uint256 paid = world.balance - _balance(address(book));
            assert(_balance(to) - balance == paid);
            assert(book.sent(to) - sent == paid);
            assert(book.sent(other) == otherSent);
            assert(book.sent(to) <= cheque.amount);
        }
    }

    function check_cash_pays_what_it_credits_reachable(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        assert(!_cash(book, cheque));
    }

    /// All four entries.
    function check_success_needs_the_signature(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);

        if (_cash(book, cheque)) assert(_signed(world.signer, address(book), cheque));
    }

    /// The older cheque is cashed first: both pay.
    function check_covered_oldest_first(
        World memory world,
        Cheque memory older,
        Cheque memory newer,
        uint96 a,
        uint96 b
    ) public {
        (IChequebook book, uint256 sent) = _bothCovered(world, older, newer, a, b);

        if (a != 0) assert(_cash(book, older));
        if (a != b) assert(_cash(book, newer));

        _assertPaid(world, book, sent, newer.beneficiary, b);
    }

    /// The newer cheque is cashed first: the older one pays nothing.
    function check_covered_newest_first(
        World memory world,
        Cheque memory older,
        Cheque memory newer,
        uint96 a,
        uint96 b
    ) public {
        (IChequebook book, uint256 sent) = _bothCovered(world, older, newer, a, b);

        if (b != 0) assert(_cash(book, newer));
        assert(!_cash(book, older));

        _assertPaid(world, book, sent, newer.beneficiary, b);
    }

    /// The control: the assumptions of both can be met, and the cheque pays.
    function check_covered_reachable(World memory world, Cheque memory older, Cheque memory newer, uint96 a, uint96 b)
        public
    {
        (IChequebook book,) = _bothCovered(world, older, newer, a, b);
        vm.assume(a != 0 && a != b);
        assert(!_cash(book, newer));
    }

    /// @dev Signed cheques over `sent + a` and `sent + b`.
    function _bothCovered(World memory world, Cheque memory older, Cheque memory newer, uint96 a, uint96 b)
        private
        returns (IChequebook book, uint256 sent)
    {
        book = _book(world);
        address payable to = newer.beneficiary;
        older.beneficiary = to;
        vm.assume(to != address(book));
        _assumeAccepts(to);
        sent = book.sent(to);
        vm.assume(sent < 2 ** 255);
        vm.assume(a <= b && b <= world.balance);
        older.amount = sent + a;
        newer.amount = sent + b;
        vm.assume(older.amount <= newer.amount); // which follows, but spares the solver a search
        vm.assume(_signed(world.signer, address(book), older));
        vm.assume(_signed(world.signer, address(book), newer));
    }

    function _assertPaid(World memory world, IChequebook book, uint256 sent, address to, uint96 paid) private view {
        assert(book.sent(to) == sent + paid);
        assert(_balance(address(book)) == world.balance - paid);
    }

    function check_older_cheque_changes_nothing(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        vm.assume(cheque.amount <= book.sent(cheque.beneficiary));

        assert(!_cash(book, cheque));
    }
}
