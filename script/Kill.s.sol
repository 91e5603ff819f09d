// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {Base} from "./Base.s.sol";

/// @title Kill
/// @notice Kills a chequebook. Without a notice period, one run kills it. With a notice period, the first run announces
/// the kill, a run during the notice period sends nothing and prints the remaining time, and a run after it kills. The
/// owner receives the balance.
///
///     CHEQUEBOOK=0x… forge script script/Kill.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUEBOOK: the chequebook. Required. The sender must be its owner.
///
/// @dev The notice period is measured by the timestamps of blocks. A chequebook cannot die in the block in which it was
/// created, so a kill needs a later block.
/// @dev Warning: every cheque that is not cashed before the kill is worthless.
contract Kill is Base {
    /// @notice Thrown when `sender` is not the `owner`, who alone may kill.
    error SenderIsNotOwner(address sender, address owner);

    function run() external {
        address sender = _sender();
        Chequebook chequebook = _chequebook();
        if (sender != chequebook.owner()) revert SenderIsNotOwner(sender, chequebook.owner());
        _requireAlive(chequebook);

        bool noticeNeeded = chequebook.noticePeriod() != 0;
        uint256 killableAt = chequebook.killableAt();
        if (noticeNeeded && killableAt == 0) _announce(chequebook);
        else if (noticeNeeded && block.timestamp < killableAt) _wait(killableAt);
        else _kill(chequebook);

        _print(chequebook);
    }

    function _announce(Chequebook chequebook) private {
        vm.broadcast();
        chequebook.announceKill();

        vm.assertEq(chequebook.killableAt(), block.timestamp + chequebook.noticePeriod(), "killableAt");

        _printAction("Announcement of the end");
        console.log("Run this again when the notice is over.");
    }

    function _wait(uint256 killableAt) private view {
        console.log("Nothing sent: the notice runs for another %s seconds.", killableAt - block.timestamp);
    }

    function _kill(Chequebook chequebook) private {
        uint256 refund = address(chequebook).balance;

        vm.broadcast();
        chequebook.kill();

        vm.assertTrue(_isDead(chequebook), "the chequebook survived its end");
        vm.assertEq(address(chequebook).balance, 0, "balance");

        _printAction("End");
        _printWei("Refund:       ", refund);
    }
}
