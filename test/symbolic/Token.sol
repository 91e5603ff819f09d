// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {CallProofs} from "./Calls.sol";
import {CashProofs} from "./Cash.sol";
import {TokenForm} from "./Forms.sol";

contract CashToken is CashProofs, TokenForm {}

contract CallsToken is CallProofs, TokenForm {
    /// `reclaim` is for the owner of a dead chequebook, and moves nothing but its tokens, to the owner.
    function check_reclaim(World memory world, address caller, uint256 ether_) public {
        IChequebook book = _book(world);
        uint256 killableAt = book.killableAt();
        vm.assume(ether_ < 2 ** 96 && caller != address(book));
        vm.deal(address(book), ether_);
        uint256 had = _balance(caller);

        vm.prank(caller);
        (bool success,) = address(book).call(abi.encodeCall(ITokenChequebook.reclaim, ()));

        assert(address(book).balance == ether_);
        assert(book.killableAt() == killableAt);
        if (success) {
            assert(caller == world.owner && killableAt == NEVER);
            assert(_balance(address(book)) == 0 && _balance(caller) - had == world.balance);
        } else {
            assert(_balance(address(book)) == world.balance);
        }
    }

    function check_reclaim_reachable(World memory world) public {
        IChequebook book = _book(world);
        vm.assume(world.balance != 0);
        vm.prank(world.owner);
        (bool success,) = address(book).call(abi.encodeCall(ITokenChequebook.reclaim, ()));
        assert(!success);
    }
}
