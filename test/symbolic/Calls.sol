// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {Form} from "./Forms.sol";
import {Cheque} from "./Harness.sol";

/// @notice What one arbitrary call, by anyone, to an arbitrary chequebook can do.
abstract contract CallProofs is Form {
    struct Call {
        address caller;
        uint256 value;
        bool raw;
    }

    function _call(IChequebook book, Call memory call, bytes memory data) private returns (bool success) {
        vm.assume(call.caller != address(book));
        vm.assume(call.value < 2 ** 96);
        vm.deal(call.caller, call.value);
        vm.prank(call.caller);
        (success,) = address(book).call{value: call.value}(data);
    }

    function check_sent_never_falls(World memory world, Call memory call, address who) public {
        IChequebook book = _book(world);
        uint256 sent = book.sent(who);

        _call(book, call, _anyCalldata(_interface(), call.raw));

        assert(book.sent(who) >= sent);
    }

    function check_nothing_moves_without_cheque_or_owner(World memory world, Call memory call, address who) public {
        IChequebook book = _book(world);
        uint256 killableAt = book.killableAt();
        uint256 sent = book.sent(who);
        bytes memory data = _anyCalldata(_interface(), call.raw);

        _call(book, call, data);

        uint256 left = _balance(address(book));
        if (left < world.balance || book.killableAt() != killableAt || book.sent(who) != sent) {
            if (_isCash(data)) assert(_signed(world.signer, address(book), _decode(data)));
            else assert(call.caller == world.owner && _isCommand(_selectorOf(data)) && book.sent(who) == sent);
        }
    }

    /// The control: something does move.
    function check_nothing_moves_without_cheque_or_owner_reachable(World memory world, Call memory call) public {
        IChequebook book = _book(world);
        uint256 killableAt = book.killableAt();

        _call(book, call, _anyCalldata(_interface(), call.raw));

        assert(_balance(address(book)) >= world.balance && book.killableAt() == killableAt);
    }

    function _isCommand(bytes4 selector) private pure returns (bool) {
        return selector == IMortal.announceKill.selector || selector == IMortal.cancelKill.selector
            || selector == IMortal.kill.selector || selector == ITokenChequebook.reclaim.selector;
    }

    /// An announcement gives the whole notice, whatever was announced before, and `kill` waits for it.
    function check_notice_cannot_be_shortened(World memory world, Call memory call) public {
        IChequebook book = _book(world);
        uint256 killableAt = book.killableAt();
        bytes memory data = _anyCalldata(_interface(), call.raw);

        bool success = _call(book, call, data);

        uint256 next = book.killableAt();
        if (next != killableAt && next != 0 && next != NEVER) assert(next == world.time + world.notice);
        if (success && _selectorOf(data) == IMortal.kill.selector && data.length >= 4) {
            assert(killableAt != NEVER);
            assert(world.notice == 0 || (killableAt != 0 && killableAt <= world.time));
        }
    }

    /// From a state without an announcement: any call, then `kill` at any later time.
    function check_kill_comes_a_notice_after(World memory world, Call memory call, uint256 later) public {
        IChequebook book = _book(world);
        vm.assume(book.killableAt() == 0);
        vm.assume(world.notice != 0 && later >= world.time && later < 2 ** 64);

        _call(book, call, _anyCalldata(_interface(), call.raw));
        vm.warp(later);
        vm.prank(world.owner);
        (bool killed,) = address(book).call(abi.encodeCall(IMortal.kill, ()));

        if (killed) assert(later >= world.time + world.notice);
    }

    function check_kill_comes_a_notice_after_reachable(World memory world, Call memory call, uint256 later) public {
        IChequebook book = _book(world);
        vm.assume(book.killableAt() == 0);
        vm.assume(world.notice != 0 && later >= world.time && later < 2 ** 64);

        _call(book, call, _anyCalldata(_interface(), call.raw));
        vm.warp(later);
        vm.prank(world.owner);
        (bool killed,) = address(book).call(abi.encodeCall(IMortal.kill, ()));

        assert(!killed);
    }

    /// Dead is forever: no command, no deposit of ether, and no cheque that is not covered.
    function check_dead_is_forever(World memory world, Call memory call, address who) public {
        IChequebook book = _book(world);
        vm.assume(book.killableAt() == NEVER);
        uint256 sent = book.sent(who);
        bytes memory data = _anyCalldata(_interface(), call.raw);

        bool success = _call(book, call, data);

        assert(book.killableAt() == NEVER);
        if (success) {
            assert(call.value == 0);
            bytes4 selector = _selectorOf(data);
            bool command = data.length >= 4
                && (selector == IMortal.announceKill.selector
                    || selector == IMortal.cancelKill.selector
                    || selector == IMortal.kill.selector);
            assert(!command);
            if (_isCash(data)) {
                Cheque memory cheque = _decode(data);
                if (cheque.beneficiary == who) {
                    assert(book.sent(who) == cheque.amount && cheque.amount - sent <= world.balance);
                }
            }
        }
    }

    /// The control: a dead chequebook still pays.
    function check_dead_is_forever_reachable(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        vm.assume(book.killableAt() == NEVER);
        assert(!_cash(book, cheque));
    }

    /// The entries that ask for coverage pay all that is owed, or nothing.
    function check_covered_entries_never_overdraw(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        vm.assume(cheque.entry >= 2);
        uint256 killableAt = book.killableAt();
        uint256 sent = book.sent(cheque.beneficiary);

        bool success = _cash(book, cheque);

        assert(book.killableAt() == killableAt);
        if (success) {
            assert(cheque.amount - sent <= world.balance);
            assert(_balance(address(book)) == world.balance - (cheque.amount - sent));
            assert(book.sent(cheque.beneficiary) == cheque.amount);
        } else {
            assert(_balance(address(book)) == world.balance);
            assert(book.sent(cheque.beneficiary) == sent);
        }
    }

    function check_covered_entries_never_overdraw_reachable(World memory world, Cheque memory cheque) public {
        IChequebook book = _book(world);
        vm.assume(cheque.entry >= 2);
        assert(!_cash(book, cheque));
    }

    /// Two arbitrary cheques of this chequebook through the clearing house.
    function check_clearing_house_never_overdraws(
        World memory world,
        IClearingHouse.Cheque memory first,
        IClearingHouse.Cheque memory second,
        uint32 gasEach
    ) public {
        IChequebook book = _book(world);
        uint256 killableAt = book.killableAt();
        uint256 sent = book.sent(first.beneficiary);
        vm.assume(first.beneficiary != second.beneficiary);

        _clear(book, first, second, gasEach);

        assert(book.killableAt() == killableAt);
        assert(book.sent(first.beneficiary) == sent || book.sent(first.beneficiary) == first.amount);
    }

    function check_clearing_house_never_overdraws_reachable(
        World memory world,
        IClearingHouse.Cheque memory first,
        IClearingHouse.Cheque memory second,
        uint32 gasEach
    ) public {
        IChequebook book = _book(world);
        vm.assume(first.beneficiary != second.beneficiary);
        uint256 sent = book.sent(second.beneficiary);

        _clear(book, first, second, gasEach);

        assert(book.sent(second.beneficiary) == sent);
    }

    function _clear(
        IChequebook book,
        IClearingHouse.Cheque memory first,
        IClearingHouse.Cheque memory second,
        uint32 gasEach
    ) private {
        address house = _deploy(_code("ClearingHouse.sol", "ClearingHouse"));
        IClearingHouse.Cheque[] memory cheques = new IClearingHouse.Cheque[](2);
        (first.chequebook, second.chequebook) = (book, book);
        (cheques[0], cheques[1]) = (first, second);
        (bool success,) = house.call(abi.encodeCall(IClearingHouse.cash, (cheques, gasEach)));
        success;
    }
}
