// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {ChequebookHandler} from "./handlers/ChequebookHandler.sol";
import {Ledger} from "./handlers/Ledger.sol";

/// @notice The numbered invariants of README.md beside this file, over random sequences of everything anyone can do.
/// CB10 compares hardforks with one another: test/fuzz/Hardforks.t.sol. CB11 has its attacks in test/unit/Create2.t.sol.
contract ChequebookInvariantTest is BaseTest {
    ChequebookHandler private handler;

    function setUp() public {
        // not by `new`: its creation code would not fit into ours
        handler = ChequebookHandler(deployCode("ChequebookHandler.sol:ChequebookHandler"));
        handler.open(true, DEPOSIT);
        handler.open(false, DEPOSIT);

        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = handler.open.selector;
        selectors[1] = handler.deposit.selector;
        selectors[2] = handler.forceEther.selector;
        selectors[3] = handler.cash.selector;
        selectors[4] = handler.cashAgain.selector;
        selectors[5] = handler.cashForged.selector;
        selectors[6] = handler.prepareReentrance.selector;
        selectors[7] = handler.setRefusal.selector;
        selectors[8] = handler.announceKill.selector;
        selectors[9] = handler.cancelKill.selector;
        selectors[10] = handler.kill.selector;
        selectors[11] = handler.passTime.selector;
        selectors[12] = handler.clear.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    function invariant_CB1_SentNeverFalls() public view {
        assertEq(handler.breaches(1), 0);
    }

    function invariant_CB2_ReceivedIsSentAndAtMostTheLargestSigned() public view {
        for (uint256 i; i < handler.chequebooksLength(); i++) {
            Chequebook chequebook = handler.chequebooks(i);
            bool erased = _codeSize(address(chequebook)) == 0;
            for (uint256 j; j < handler.payeesLength(); j++) {
                address payable beneficiary = handler.payees(j);
                uint256 received = handler.received(chequebook, beneficiary);
                if (!erased) assertEq(received, chequebook.sent(beneficiary));
                assertLe(received, handler.largest(chequebook, beneficiary));
            }
        }
    }

    function invariant_CB3_EtherLeavesOnlyByChequeOrKill() public view {
        assertEq(handler.breaches(3), 0);
    }

    function invariant_CB4_EtherInIsEtherOutPlusBalance() public view {
        for (uint256 i; i < handler.chequebooksLength(); i++) {
            Chequebook chequebook = handler.chequebooks(i);
            Ledger.Record memory record = handler.record(chequebook);
            assertEq(record.ethIn, record.ethOut + address(chequebook).balance);
        }
    }

    function invariant_CB5_OnlyTheOwnerCommandsAndOnlyTheSignerSigns() public view {
        assertEq(handler.breaches(5), 0);
    }

    function invariant_CB6_TheNoticePassesBetweenAnnouncementAndKill() public view {
        assertEq(handler.breaches(6), 0);
    }

    function invariant_CB7_DeadIsForever() public view {
        assertEq(handler.breaches(7), 0);
        for (uint256 i; i < handler.chequebooksLength(); i++) {
            Chequebook chequebook = handler.chequebooks(i);
            Ledger.Record memory record = handler.record(chequebook);
            if (_codeSize(address(chequebook)) == 0) {
                assertTrue(record.dead, "erased, but alive");
                continue;
            }
            uint256 announced = record.announcedAt == 0 ? 0 : record.announcedAt + record.notice;
            assertEq(chequebook.killableAt(), record.dead ? NEVER : announced);
        }
    }

    function invariant_CB8_AnOlderChequeChangesNothing() public view {
        assertEq(handler.breaches(8), 0);
    }

    function invariant_CB9_AForeignChequeIsWorthless() public view {
        assertEq(handler.breaches(9), 0);
    }

    function invariant_CB11_NoneDiesInTheBlockOfItsCreation() public view {
        assertEq(handler.breaches(11), 0);
        for (uint256 i; i < handler.chequebooksLength(); i++) {
            Ledger.Record memory record = handler.record(handler.chequebooks(i));
            if (record.dead) assertGt(record.diedAt, record.bornAt);
        }
    }
}
