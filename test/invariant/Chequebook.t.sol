// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {ChequebookHandler} from "./handlers/ChequebookHandler.sol";
import {Ledger} from "./handlers/Ledger.sol";

/// @notice The numbered invariants of README.md beside this file, over random sequences of whatever anyone can do.
/// CB10 compares hardforks with one another: test/fuzz/Hardforks.t.sol. The attacks on CB11: test/unit/Create2.t.sol.
abstract contract ChequebookInvariantTest is BaseTest {
    ChequebookHandler private handler;

    /// @dev The handler that creates chequebooks of the form that is tested.
    function _handler() internal pure virtual returns (string memory);

    function setUp() public {
        // not by `new`: the handler's creation code is too large to be part of this contract
        handler = ChequebookHandler(deployCode(string.concat("ChequebookHandler.sol:", _handler())));
        handler.create(true, DEPOSIT);
        handler.create(false, DEPOSIT);

        bytes4[] memory selectors = new bytes4[](handler.isToken() ? 15 : 14);
        selectors[0] = handler.create.selector;
        selectors[1] = handler.deposit.selector;
        selectors[2] = handler.force.selector;
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
        selectors[13] = handler.cashIfCovered.selector;
        if (handler.isToken()) selectors[14] = handler.reclaim.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    /// @dev One function for all numbers, because forge would run separate campaigns for each function. One external call,
    /// because here each call is a transaction of its own, which takes longer than a call within one.
    function invariant_CB1_To_CB9_And_CB11() public view {
        this.assertInvariants();
    }

    function assertInvariants() external view {
        _assertNoBreaches();
        address payable[] memory payees = handler.allPayees();
        IChequebook[] memory chequebooks = handler.allChequebooks();
        for (uint256 i; i < chequebooks.length; i++) {
            IChequebook chequebook = chequebooks[i];
            Ledger.Record memory record = handler.record(chequebook);
            bool erased = address(chequebook).code.length == 0;

            _assertCB2(chequebook, payees, erased);
            uint256 balance = handler.balanceOf(address(chequebook));
            _assertEqual(record.amountOut + balance, record.amountIn, "CB4: in is out plus balance");
            _assertCB7(chequebook, record, erased);
            _assertCB11(record);
        }
    }

    /// @dev Calls the cheatcode behind `assertEq` only to report a failure: dozens of calls after each action take long.
    function _assertEqual(uint256 found, uint256 expected, string memory what) private pure {
        if (found != expected) assertEq(found, expected, what);
    }

    /// @dev What the handler checks during each action, because it cannot be seen afterwards.
    function _assertNoBreaches() private view {
        uint256[12] memory breaches = handler.breaches();
        _assertEqual(breaches[1], 0, "CB1: sent never falls");
        _assertEqual(breaches[3], 0, "CB3: the balance falls only by a cheque, a kill or a reclaim after it");
        _assertEqual(breaches[5], 0, "CB5: only the owner commands, and only the signer signs");
        _assertEqual(breaches[6], 0, "CB6: the notice period passes between announcement and kill");
        _assertEqual(breaches[7], 0, "CB7: dead is forever");
        _assertEqual(breaches[8], 0, "CB8: an older cheque changes nothing");
        _assertEqual(breaches[9], 0, "CB9: a cheque of another chequebook is worthless");
        _assertEqual(breaches[11], 0, "CB11: none dies in the block of its creation");
    }

    function _assertCB2(IChequebook chequebook, address payable[] memory payees, bool erased) private view {
        (uint256[] memory received, uint256[] memory largest) = handler.payments(chequebook);
        for (uint256 i; i < payees.length; i++) {
            if (!erased) _assertEqual(received[i], chequebook.sent(payees[i]), "CB2: received is sent");
            if (received[i] > largest[i]) {
                assertLe(received[i], largest[i], "CB2: received is at most the largest signed");
            }
        }
    }

    function _assertCB7(IChequebook chequebook, Ledger.Record memory record, bool erased) private view {
        uint256 announced = record.announcedAt == 0 ? 0 : record.announcedAt + record.notice;
        uint256 found = erased ? NEVER : chequebook.killableAt();
        _assertEqual(found, record.dead ? NEVER : announced, "CB7: dead is forever");
    }

    function _assertCB11(Ledger.Record memory record) private pure {
        if (!record.dead || record.diedAt > record.bornAt) return;
        assertGt(record.diedAt, record.bornAt, "CB11: none dies in the block of its creation");
    }
}

contract ChequebookDirectInvariantTest is ChequebookInvariantTest {
    function _handler() internal pure override returns (string memory) {
        return "DirectHandler";
    }
}

contract ChequebookCloneInvariantTest is ChequebookInvariantTest {
    function _handler() internal pure override returns (string memory) {
        return "CloneHandler";
    }
}

contract ChequebookTokenInvariantTest is ChequebookInvariantTest {
    function _handler() internal pure override returns (string memory) {
        return "TokenHandler";
    }
}
