// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Refuser} from "../mocks/Payees.sol";
import {Scheme} from "../utils/Cheques.sol";

abstract contract MortalTest is FormTest {
    IChequebook internal classic;
    IChequebook internal patient;

    function setUp() public {
        classic = _createInEarlierBlock(0, DEPOSIT);
        patient = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    function testFuzz_NoticePeriodIsFixedAtCreation(uint32 notice) public {
        assertEq(_create(owner.addr, signer.addr, notice, 0).noticePeriod(), notice);
    }

    /* ANNOUNCE */

    function testFuzz_AnnounceKill_SetsTheEndOfTheNotice(uint32 notice, uint32 time) public {
        IChequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        vm.warp(time);

        vm.expectEmit(address(chequebook));
        emit IMortal.KillAnnounced(uint256(time) + notice);
        _announceKill(chequebook);

        assertEq(chequebook.killableAt(), uint256(time) + notice);
    }

    function test_AnnounceKill_AgainStartsTheNoticeAnew() public {
        _announceKill(patient);
        skip(NOTICE - 1);
        _announceKill(patient);
        skip(1);

        uint256 time = vm.getBlockTimestamp();
        vm.expectRevert(abi.encodeWithSelector(IMortal.NoticeRunning.selector, time + NOTICE - 1, time));
        _kill(patient);
    }

    /// @dev So an old announcement is a standing right to kill: payees must look at `killableAt`.
    function testFuzz_AnnounceKill_NeverExpires(uint32 notice, uint64 wait) public {
        IChequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        _announceKill(chequebook);
        skip(uint256(notice) + wait);

        _kill(chequebook);

        assertEq(_balance(owner.addr), DEPOSIT);
    }

    function test_AnnounceKill_LeavesCashAndDepositOpen() public {
        _announceKill(patient);

        assertTrue(_deposit(patient, 1 ether));
        _cash(Scheme.Packed, patient, payee, 11 ether);

        assertEq(_balance(payee), 11 ether);
    }

    function test_CancelKill_TakesTheAnnouncementBack() public {
        _announceKill(patient);
        skip(NOTICE);

        vm.expectEmit(address(patient));
        emit IMortal.KillCancelled();
        _cancelKill(patient);

        assertEq(patient.killableAt(), 0);
        vm.expectRevert(IMortal.NotAnnounced.selector);
        _kill(patient);
    }

    function test_RevertWhen_CancelWithoutAnnouncement() public {
        vm.expectRevert(IMortal.NotAnnounced.selector);
        _cancelKill(patient);
    }

    function test_RevertWhen_CancelTwice() public {
        _announceKill(patient);
        _cancelKill(patient);

        vm.expectRevert(IMortal.NotAnnounced.selector);
        _cancelKill(patient);
    }

    /* KILL */

    function testFuzz_Kill_ReturnsTheBalanceToTheOwner(uint256 deposit) public {
        deposit = bound(deposit, 0, MAX_ETHER);
        IChequebook chequebook = _createInEarlierBlock(0, deposit);

        vm.expectEmit(address(chequebook));
        emit IMortal.Killed(deposit);
        _kill(chequebook);

        assertEq(_balance(owner.addr), deposit);
        assertEq(_balance(address(chequebook)), 0);
    }

    function test_Kill_WithoutNoticePeriodNeedsNoAnnouncement() public {
        _kill(classic);

        assertEq(_balance(owner.addr), DEPOSIT);
    }

    function test_Kill_WithoutNoticePeriodMayBeAnnounced() public {
        _announceKill(classic);
        _kill(classic);

        assertEq(_balance(owner.addr), DEPOSIT);
    }

    /// @dev Ether arrives without running any code. A token can refuse; then nothing is changed.
    function test_Kill_CannotBeBlockedByAnOwnerThatRefuses_ExceptOfTokens() public {
        Refuser refuser = new Refuser();
        IChequebook chequebook = _create(address(refuser), signer.addr, 0, DEPOSIT);
        vm.roll(vm.getBlockNumber() + 1);

        if (_isToken()) {
            vm.expectRevert(IChequebook.PaymentFailed.selector);
            vm.prank(address(refuser));
            chequebook.kill();
            assertEq(chequebook.killableAt(), 0);
            assertEq(_balance(address(chequebook)), DEPOSIT);
            refuser.accept(true);
        }
        vm.prank(address(refuser));
        chequebook.kill();

        assertEq(_balance(address(refuser)), DEPOSIT);
    }

    function test_RevertWhen_KillWithoutAnnouncement() public {
        vm.expectRevert(IMortal.NotAnnounced.selector);
        _kill(patient);
    }

    function testFuzz_RevertWhen_KillBeforeTheNoticeHasRunOut(uint32 notice, uint32 wait) public {
        notice = uint32(bound(notice, 1, type(uint32).max));
        wait = uint32(bound(wait, 0, notice - 1));
        IChequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        uint256 announced = vm.getBlockTimestamp();
        _announceKill(chequebook);
        skip(wait);

        vm.expectRevert(abi.encodeWithSelector(IMortal.NoticeRunning.selector, announced + notice, announced + wait));
        _kill(chequebook);
    }

    function test_RevertWhen_KillInTheBlockOfCreation() public {
        IChequebook chequebook = _createInThisBlock(0, DEPOSIT);

        vm.expectRevert(IMortal.BornThisBlock.selector);
        _kill(chequebook);

        vm.roll(vm.getBlockNumber() + 1);
        _kill(chequebook);
        assertEq(_balance(owner.addr), DEPOSIT);
    }
}

contract MortalDirectTest is MortalTest, DirectForm {}

contract MortalCloneTest is MortalTest, CloneForm {}

contract MortalTokenTest is MortalTest, TokenForm {}
