// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal, IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Reenterer} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice In which order things happen, where two could be the other way round: which of two reasons a refusal names,
/// and that an event comes before what the payment causes.
abstract contract OrderTest is FormTest {
    IChequebook internal chequebook;

    function setUp() public {
        chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    /* REASONS */

    function test_RevertWhen_AChequeToTheChequebookIsStaleAndForged_NamesTheBeneficiary() public {
        address payable self = payable(chequebook);
        Signature memory none;

        bytes memory reason = abi.encodeWithSelector(IChequebook.InvalidBeneficiary.selector, self);
        _refused(Scheme.Packed, chequebook, self, 0, none, reason);
        _refused(Scheme.Typed, chequebook, self, 1, none, reason);
    }

    function test_RevertWhen_AStaleChequeIsForged_NamesTheAmount() public {
        Signature memory none;
        _refused(Scheme.Packed, chequebook, payee, 0, none, _staleCheque(0, 0));
        _refused(Scheme.Typed, chequebook, payee, 0, none, _staleCheque(0, 0));
    }

    /// @dev As dead as only a token chequebook is under every hardfork, so within this test no transaction ends.
    function test_RevertWhen_AStrangerCommandsTheDead_NamesTheCaller() public {
        vm.store(address(chequebook), _slotOfKillableAt(), bytes32(NEVER));
        assertEq(chequebook.killableAt(), NEVER);
        bytes memory reason = abi.encodeWithSelector(IOwned.NotOwner.selector, stranger);
        vm.startPrank(stranger);

        vm.expectRevert(reason);
        chequebook.announceKill();
        vm.expectRevert(reason);
        chequebook.cancelKill();
        vm.expectRevert(reason);
        chequebook.kill();
    }

    function test_RevertWhen_TheNewbornIsNotAnnounced_NamesTheAnnouncement() public {
        chequebook = _createInThisBlock(NOTICE, DEPOSIT);

        vm.expectRevert(IMortal.NotAnnounced.selector);
        _kill(chequebook);
    }

    /* EVENTS */

    /// @dev The payee cashes a newer cheque while it is paid.
    function test_ACash_IsToldBeforeWhatThePayeeDoes() public {
        Reenterer reenterer = new Reenterer();
        address payable to = payable(reenterer);
        Signature memory newer = _sign(Scheme.Packed, chequebook, to, 3 ether);
        reenterer.prepare(address(chequebook), Cheques.cashCall(Scheme.Packed, to, 3 ether, newer));
        vm.recordLogs();

        _cash(Scheme.Packed, chequebook, to, 1 ether);

        Vm.Log[] memory logs = _logsOf(address(chequebook));
        assertEq(logs.length, 2);
        assertEq(logs[0].data, abi.encode(1 ether));
        assertEq(logs[1].data, abi.encode(2 ether));
    }

    function _logsOf(address emitter) internal returns (Vm.Log[] memory found) {
        Vm.Log[] memory all = vm.getRecordedLogs();
        found = new Vm.Log[](all.length);
        uint256 count;
        for (uint256 i; i < all.length; i++) {
            if (all[i].emitter == emitter) found[count++] = all[i];
        }
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    /// @dev As contracts/storage.json has it.
    function _slotOfKillableAt() private pure returns (bytes32) {
        return bytes32(0);
    }
}

contract OrderDirectTest is OrderTest, DirectForm {}

contract OrderCloneTest is OrderTest, CloneForm {}

contract OrderTokenTest is OrderTest, TokenForm {
    function test_AReclaim_IsToldBeforeTheTransfer() public {
        _cash(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        _force(chequebook, 1 ether);
        vm.recordLogs();

        vm.prank(owner.addr);
        ITokenChequebook(payable(chequebook)).reclaim();

        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 2);
        assertEq(logs[0].topics[0], ITokenChequebook.Reclaimed.selector);
        assertEq(logs[1].emitter, address(token));
    }
}
