// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice What a dead chequebook still does. Within the transaction in which it dies, that is the same under every
/// hardfork. After that transaction its code and storage, the tombstone, exist only where they survive a selfdestruct; a
/// token chequebook makes none.
abstract contract DeadTest is FormTest {
    IChequebook internal chequebook;
    bool internal tombstone;

    function setUp() public {
        tombstone = _isToken() || Hardfork.codeSurvives();
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

    /// @dev The token does not ask the chequebook.
    function test_Deposit_IsRefused_ExceptOfTokens_BeforeCancunLost() public {
        bool refused = tombstone && !_isToken();

        assertEq(_deposit(chequebook, 1 ether), !refused);
        assertEq(_balance(address(chequebook)), refused ? 0 : 1 ether);
    }

    function test_Commands_AreRefused_BeforeCancunWithoutEffect() public {
        _force(chequebook, 1 ether);
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
        assertEq(_balance(address(chequebook)), 1 ether);
    }

    function test_CoveredCheque_IsPaidFromWhatArrivedLater_BeforeCancunWithoutEffect() public {
        uint256 amount = _sentAtTheEnd() + 1 ether;
        _force(chequebook, 3 ether);
        uint256 before = _balance(payee);

        (bool success,) = _tryToCash(amount);

        assertTrue(success);
        assertEq(_balance(payee) - before, tombstone ? 1 ether : 0);
        assertEq(_balance(address(chequebook)), tombstone ? 2 ether : 3 ether);
    }

    function test_SecondOverdraft_IsRefused_BeforeCancunWithoutEffect() public {
        _force(chequebook, 3 ether);
        uint256 before = _balance(payee);

        (bool success, bytes memory answer) = _tryToCash(_sentAtTheEnd() + 3 ether + 1);

        assertEq(success, !tombstone);
        assertEq(answer, tombstone ? _error(IMortal.Dead.selector) : bytes(""));
        assertEq(_balance(payee), before);
        assertEq(_balance(address(chequebook)), 3 ether);
    }

    /// @dev CB7. Nothing ends it twice, and no answer is {Dead}, which only an overdraft has.
    function test_CoveredEntry_OfWhatIsNotCovered_SaysSo_BeforeCancunWithoutEffect() public {
        uint256 amount = _sentAtTheEnd() + 1;
        Signature memory signature = _sign(Scheme.Typed, chequebook, payee, amount);
        uint256 before = _balance(payee);

        (bool success, bytes memory answer) =
            address(chequebook).call(Cheques.coveredCall(Scheme.Typed, payee, amount, signature));

        assertEq(success, !tombstone);
        assertEq(answer, tombstone ? _notCovered(1, 0) : bytes(""));
        assertEq(_balance(payee), before);
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
        _force(chequebook, BOUNCED - DEPOSIT);

        (bool success,) = _tryToCash(BOUNCED);
        assertTrue(success);
        assertEq(_balance(payee), tombstone ? BOUNCED : DEPOSIT, "the unpaid rest of the cheque, and no wei more");
        if (!tombstone) return;

        _force(chequebook, BOUNCED);
        Signature memory again = _sign(Scheme.Packed, chequebook, payee, BOUNCED);
        _refused(Scheme.Packed, chequebook, payee, BOUNCED, again, _staleCheque(BOUNCED, BOUNCED));
    }

    function test_WithinItsLastTransaction_ItIsDeadUnderEveryHardfork() public {
        IChequebook other = _createInEarlierBlock(0, DEPOSIT);
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](5);
        calls[0] = OneTransaction.Call(address(other), 0, _cashCall(other, BOUNCED));
        calls[1] = OneTransaction.Call(address(other), 1, "");
        calls[2] = OneTransaction.Call(address(other), 0, _cashCall(other, BOUNCED));
        calls[3] = OneTransaction.Call(address(other), 0, abi.encodeCall(other.killableAt, ()));
        calls[4] = OneTransaction.Call(address(other), 0, abi.encodeCall(other.sent, (payee)));
        uint256 before = _balance(payee);

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 1}(calls);

        assertTrue(results[0].success);
        bytes4 refusal = _isToken() ? ITokenChequebook.EtherRefused.selector : IMortal.Dead.selector;
        assertEq(results[1].answer, _error(refusal), "deposit of ether");
        assertEq(results[2].answer, _error(IMortal.Dead.selector), "second overdraft");
        assertEq(abi.decode(results[3].answer, (uint256)), NEVER);
        assertEq(abi.decode(results[4].answer, (uint256)), DEPOSIT);
        assertEq(_balance(payee) - before, DEPOSIT);
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
        IChequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
        _announceKill(chequebook);
        _cash(Scheme.Typed, chequebook, payee, DEPOSIT + 1);
        skip(NOTICE);
        _force(chequebook, 1 ether);

        vm.prank(owner.addr);
        (bool success, bytes memory answer) = address(chequebook).call(abi.encodeCall(IMortal.kill, ()));

        bool tombstone = _isToken() || Hardfork.codeSurvives();
        assertEq(success, !tombstone);
        assertEq(answer, tombstone ? _error(IMortal.Dead.selector) : bytes(""));
        assertEq(_balance(owner.addr), 0);
    }
}

contract DeadByOverdraftDirectTest is DeadByOverdraftTest, DirectForm {}

contract DeadByOverdraftCloneTest is DeadByOverdraftTest, CloneForm {}

contract DeadByKillDirectTest is DeadByKillTest, DirectForm {}

contract DeadByKillCloneTest is DeadByKillTest, CloneForm {}

contract DeadByOverdraftDuringNoticeDirectTest is DeadByOverdraftDuringNoticeTest, DirectForm {}

contract DeadByOverdraftDuringNoticeCloneTest is DeadByOverdraftDuringNoticeTest, CloneForm {}

contract DeadByOverdraftTokenTest is DeadByOverdraftTest, TokenForm {}

contract DeadByKillTokenTest is DeadByKillTest, TokenForm {}

contract DeadByOverdraftDuringNoticeTokenTest is DeadByOverdraftDuringNoticeTest, TokenForm {}
