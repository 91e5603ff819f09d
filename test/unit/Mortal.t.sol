// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";
import {Refuser} from "../mocks/Payees.sol";
import {Scheme} from "../utils/Cheques.sol";

abstract contract MortalTest is FormTest {
    Chequebook internal classic;
    Chequebook internal patient;

    function setUp() public {
        classic = _createInEarlierBlock(0, DEPOSIT);
        patient = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    function testFuzz_NoticePeriodIsFixedAtCreation(uint32 notice) public {
        assertEq(_create(owner.addr, signer.addr, notice, 0).noticePeriod(), notice);
    }

    /* ANNOUNCE */

    function testFuzz_AnnounceKill_SetsTheEndOfTheNotice(uint32 notice, uint32 time) public {
        Chequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
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

    function test_AnnounceKill_LeavesCashAndDepositOpen() public {
        _announceKill(patient);

        assertTrue(_deposit(patient, 1 ether));
        _cash(Scheme.Packed, patient, payee, 11 ether);

        assertEq(payee.balance, 11 ether);
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
        Chequebook chequebook = _createInEarlierBlock(0, deposit);

        vm.expectEmit(address(chequebook));
        emit IMortal.Killed(deposit);
        _kill(chequebook);

        assertEq(owner.addr.balance, deposit);
        assertEq(address(chequebook).balance, 0);
    }

    function test_Kill_WithoutNoticePeriodNeedsNoAnnouncement() public {
        _kill(classic);

        assertEq(owner.addr.balance, DEPOSIT);
    }

    function test_Kill_WithoutNoticePeriodMayBeAnnounced() public {
        _announceKill(classic);
        _kill(classic);

        assertEq(owner.addr.balance, DEPOSIT);
    }

    function testFuzz_Kill_OnceTheNoticeHasRunOut(uint32 notice, uint32 wait) public {
        notice = uint32(bound(notice, 1, type(uint32).max));
        Chequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        _announceKill(chequebook);
        skip(uint256(notice) + wait);

        _kill(chequebook);

        assertEq(owner.addr.balance, DEPOSIT);
    }

    function test_Kill_CannotBeBlockedByAnOwnerThatRefusesEther() public {
        Refuser refuser = new Refuser();
        Chequebook chequebook = _create(address(refuser), signer.addr, 0, DEPOSIT);
        vm.roll(vm.getBlockNumber() + 1);

        vm.prank(address(refuser));
        chequebook.kill();

        assertEq(address(refuser).balance, DEPOSIT);
    }

    function test_RevertWhen_KillWithoutAnnouncement() public {
        vm.expectRevert(IMortal.NotAnnounced.selector);
        _kill(patient);
    }

    function testFuzz_RevertWhen_KillBeforeTheNoticeHasRunOut(uint32 notice, uint32 wait) public {
        notice = uint32(bound(notice, 1, type(uint32).max));
        wait = uint32(bound(wait, 0, notice - 1));
        Chequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        uint256 announced = vm.getBlockTimestamp();
        _announceKill(chequebook);
        skip(wait);

        vm.expectRevert(abi.encodeWithSelector(IMortal.NoticeRunning.selector, announced + notice, announced + wait));
        _kill(chequebook);
    }

    function test_RevertWhen_KillInTheBlockOfCreation() public {
        Chequebook chequebook = _createInThisBlock(0, DEPOSIT);

        vm.expectRevert(IMortal.BornThisBlock.selector);
        _kill(chequebook);

        vm.roll(vm.getBlockNumber() + 1);
        _kill(chequebook);
        assertEq(owner.addr.balance, DEPOSIT);
    }
}

contract MortalDirectTest is MortalTest, DirectForm {}

contract MortalCloneTest is MortalTest, CloneForm {}
