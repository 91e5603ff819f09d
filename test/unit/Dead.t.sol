// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";
import {OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice What a dead chequebook still does. Within the transaction in which it dies, that is the same under every
/// hardfork. After that transaction its code and storage, the tombstone, exist only where they survive a selfdestruct.
abstract contract DeadTest is FormTest {
    Chequebook internal chequebook;
    bool internal tombstone;

    function setUp() public {
        tombstone = Hardfork.codeSurvives();
        chequebook = _createInEarlierBlock(0, DEPOSIT);
        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        _end();
    }

    /// @dev Ends the chequebook, by kill or by an overdraft.
    function _end() internal virtual;

    function _sentAtTheEnd() internal view virtual returns (uint256);

    function test_CodeSurvivesFromCancunOn() public view {
        assertEq(_codeSize(address(chequebook)) > 0, tombstone);
    }

    function test_StateSurvivesWithTheCode() public view {
        if (!tombstone) return assertEq(_codeSize(address(chequebook)), 0);

        assertEq(chequebook.killableAt(), NEVER);
        assertEq(chequebook.sent(payee), _sentAtTheEnd());
        assertEq(chequebook.owner(), owner.addr);
    }

    function test_Deposit_IsRefused_BeforeCancunLost() public {
        assertEq(_deposit(chequebook, 1 ether), !tombstone);
        assertEq(address(chequebook).balance, tombstone ? 0 : 1 ether);
    }

    function test_Commands_AreRefused_BeforeCancunWithoutEffect() public {
        _force(address(chequebook), 1 ether);
        bytes[3] memory commands = [
            abi.encodeCall(IMortal.announceKill, ()),
            abi.encodeCall(IMortal.cancelKill, ()),
            abi.encodeCall(IMortal.kill, ())
        ];
        for (uint256 i; i < commands.length; i++) {
            vm.prank(owner.addr);
            (bool success, bytes memory answer) = address(chequebook).call(commands[i]);
            assertEq(success, !tombstone);
            assertEq(answer, tombstone ? _error(IMortal.Dead.selector) : bytes(""));
        }
        assertEq(address(chequebook).balance, 1 ether);
    }

    function test_CoveredCheque_IsPaidFromForcedEther_BeforeCancunWithoutEffect() public {
        uint256 amount = _sentAtTheEnd() + 1 ether;
        _force(address(chequebook), 3 ether);
        uint256 before = payee.balance;

        (bool success,) = _tryToCash(amount);

        assertTrue(success);
        assertEq(payee.balance - before, tombstone ? 1 ether : 0);
        assertEq(address(chequebook).balance, tombstone ? 2 ether : 3 ether);
    }

    function test_SecondOverdraft_IsRefused_BeforeCancunWithoutEffect() public {
        _force(address(chequebook), 3 ether);
        uint256 before = payee.balance;

        (bool success, bytes memory answer) = _tryToCash(_sentAtTheEnd() + 3 ether + 1);

        assertEq(success, !tombstone);
        assertEq(answer, tombstone ? _error(IMortal.Dead.selector) : bytes(""));
        assertEq(payee.balance, before);
        assertEq(address(chequebook).balance, 3 ether);
    }

    function _tryToCash(uint256 amount) internal returns (bool, bytes memory) {
        return address(chequebook).call(_cashCall(chequebook, amount));
    }

    function _cashCall(IChequebook chequebook_, uint256 amount) internal view returns (bytes memory) {
        return Cheques.cashCall(Scheme.Packed, payee, amount, _sign(Scheme.Packed, chequebook_, payee, amount));
    }
}

abstract contract DeadByOverdraftTest is DeadTest {
    uint256 private constant BOUNCED = 100 ether;

    function _end() internal override {
        _cash(Scheme.Packed, chequebook, payee, BOUNCED);
    }

    function _sentAtTheEnd() internal pure override returns (uint256) {
        return DEPOSIT;
    }

    function test_BouncedCheque_IsNotPaidTwiceAfterATopUp() public {
        _force(address(chequebook), BOUNCED - DEPOSIT);

        (bool success,) = _tryToCash(BOUNCED);
        assertTrue(success);
        assertEq(payee.balance, tombstone ? BOUNCED : DEPOSIT, "the unpaid rest of the cheque, and no wei more");
        if (!tombstone) return;

        _force(address(chequebook), BOUNCED);
        Signature memory again = _sign(Scheme.Packed, chequebook, payee, BOUNCED);
        _refused(Scheme.Packed, chequebook, payee, BOUNCED, again, _staleCheque(BOUNCED, BOUNCED));
    }

    function test_WithinItsLastTransaction_ItIsDeadUnderEveryHardfork() public {
        Chequebook other = _createInEarlierBlock(0, DEPOSIT);
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](5);
        calls[0] = OneTransaction.Call(address(other), 0, _cashCall(other, BOUNCED));
        calls[1] = OneTransaction.Call(address(other), 1, "");
        calls[2] = OneTransaction.Call(address(other), 0, _cashCall(other, BOUNCED));
        calls[3] = OneTransaction.Call(address(other), 0, abi.encodeCall(other.killableAt, ()));
        calls[4] = OneTransaction.Call(address(other), 0, abi.encodeCall(other.sent, (payee)));
        uint256 before = payee.balance;

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 1}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.Dead.selector), "deposit");
        assertEq(results[2].answer, _error(IMortal.Dead.selector), "second overdraft");
        assertEq(abi.decode(results[3].answer, (uint256)), NEVER);
        assertEq(abi.decode(results[4].answer, (uint256)), DEPOSIT);
        assertEq(payee.balance - before, DEPOSIT);
    }
}

abstract contract DeadByKillTest is DeadTest {
    function _end() internal override {
        _kill(chequebook);
    }

    function _sentAtTheEnd() internal pure override returns (uint256) {
        return 1 ether;
    }
}

/// @notice An overdraft during the notice ends the chequebook for good, although a kill was announced.
abstract contract DeadByOverdraftDuringNoticeTest is FormTest {
    function test_TheOwnerCannotKillItAnyMore() public {
        Chequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
        _announceKill(chequebook);
        _cash(Scheme.Typed, chequebook, payee, DEPOSIT + 1);
        skip(NOTICE);
        _force(address(chequebook), 1 ether);

        vm.prank(owner.addr);
        (bool success, bytes memory answer) = address(chequebook).call(abi.encodeCall(IMortal.kill, ()));

        bool tombstone = Hardfork.codeSurvives();
        assertEq(success, !tombstone);
        assertEq(answer, tombstone ? _error(IMortal.Dead.selector) : bytes(""));
        assertEq(owner.addr.balance, 0);
    }
}

contract DeadByOverdraftDirectTest is DeadByOverdraftTest, DirectForm {}

contract DeadByOverdraftCloneTest is DeadByOverdraftTest, CloneForm {}

contract DeadByKillDirectTest is DeadByKillTest, DirectForm {}

contract DeadByKillCloneTest is DeadByKillTest, CloneForm {}

contract DeadByOverdraftDuringNoticeDirectTest is DeadByOverdraftDuringNoticeTest, DirectForm {}

contract DeadByOverdraftDuringNoticeCloneTest is DeadByOverdraftDuringNoticeTest, CloneForm {}
