// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {IMortal} from "../contracts/interfaces/IChequebook.sol";
import {Base} from "./Base.s.sol";

/// @title Kill
/// @notice Kills a chequebook. Without a notice period, one run kills it. With a notice period, the first run announces
/// the kill, a run during the notice period sends nothing and prints the remaining time, and a run after it kills. The
/// owner receives the balance.
///
///     CHEQUEBOOK=0x… forge script script/Kill.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///     CHEQUEBOOK=0x… forge script script/Kill.s.sol --sig "cancel()" --rpc-url $RPC_URL --account <name> --broadcast
///
/// The second line takes the announcement back.
///
/// - CHEQUEBOOK: the chequebook. Required. The sender must be its owner.
///
/// @dev The notice period is measured by the timestamps of blocks. A chequebook cannot die in the block in which it was
/// created, so a kill needs a later block.
/// @dev If the token of a chequebook refuses the payment, this fails with {IChequebook-PaymentFailed}, and the
/// chequebook lives.
/// @dev Warning: every cheque that is not cashed before the kill is worthless.
contract Kill is Base {
    function run() external {
        Known memory known = _owned();

        bool noticeNeeded = known.chequebook.noticePeriod() != 0;
        uint256 killableAt = known.chequebook.killableAt();
        if (noticeNeeded && killableAt == 0) _announce(known);
        else if (noticeNeeded && block.timestamp < killableAt) _wait(killableAt);
        else _kill(known);

        _print(known);
    }

    /// @notice Takes the announcement back.
    function cancel() external {
        Known memory known = _owned();
        if (known.chequebook.killableAt() == 0) revert IMortal.NotAnnounced();

        vm.broadcast();
        known.chequebook.cancelKill();

        vm.assertEq(known.chequebook.killableAt(), 0, "killableAt");

        _printAction("Cancellation of the end");
        _print(known);
    }

    /// @dev The chequebook, which is alive, and which the sender owns.
    function _owned() private returns (Known memory known) {
        address sender = _sender();
        known = _chequebook();
        _requireOwner(sender, known);
        _requireAlive(known);
    }

    function _announce(Known memory known) private {
        vm.broadcast();
        known.chequebook.announceKill();

        vm.assertEq(known.chequebook.killableAt(), block.timestamp + known.chequebook.noticePeriod(), "killableAt");

        _printAction("Announcement of the end");
        console.log("Run this again when the notice is over.");
    }

    function _wait(uint256 killableAt) private view {
        console.log("Nothing sent: the notice runs for another %s seconds.", killableAt - block.timestamp);
    }

    function _kill(Known memory known) private {
        uint256 refund = _balance(known);

        vm.broadcast();
        known.chequebook.kill();

        vm.assertTrue(_isDead(known), "the chequebook survived its end");
        vm.assertEq(_balance(known), 0, "balance");

        _printAction("End");
        _printAmount("Refund:       ", known.token, refund);
    }
}
