// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, Form, TokenForm} from "./Forms.sol";
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

    function check_covered_in_any_order(World memory world, Cheque memory first, Cheque memory second) public {
        IChequebook book = _book(world);
        address payable to = first.beneficiary;
        vm.assume(second.beneficiary == to && to != address(book));
        uint256 sent = book.sent(to);
        uint256 larger = first.amount > second.amount ? first.amount : second.amount;
        vm.assume(larger > sent && larger - sent <= world.balance);
        vm.assume(_signed(world.signer, address(book), first));
        vm.assume(_signed(world.signer, address(book), second));
        _assumeAccepts(to);

        _cash(book, first);
        _cash(book, second);

        assert(book.sent(to) == larger);
        assert(_balance(address(book)) == world.balance - (larger - sent));
    }

    function check_older_cheque_changes_nothing(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        vm.assume(cheque.amount <= book.sent(cheque.beneficiary));

        assert(!_cash(book, cheque));
    }
}

contract CashDirect is CashProofs, DirectForm {}

contract CashClone is CashProofs, CloneForm {}

contract CashToken is CashProofs, TokenForm {}
