// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {TokenForm} from "../Forms.t.sol";
import {Reenterer} from "../mocks/Payees.sol";
import {GovernedToken, LyingToken, RebasingToken, RefusingToken, StandardToken} from "../mocks/Tokens.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice Tokens that do not do what a chequebook expects, or not in the usual manner.
contract TokensTest is TokenForm {
    ITokenChequebook private chequebook;

    /// @dev A chequebook whose token is this one.
    function _use(address token_) private {
        token = StandardToken(token_);
        chequebook = ITokenChequebook(payable(_createInEarlierBlock(0, DEPOSIT)));
    }

    /// @dev From the compiled artifact: by `new`, this contract would be too large.
    function _newToken(string memory name, bytes memory arguments) private returns (address) {
        return deployCode(string.concat("Tokens.sol:", name), arguments);
    }

    function test_ATokenThatReturnsNothing_Pays() public {
        _use(_newToken("SilentToken", ""));

        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        _cashIfCovered(Scheme.Typed, chequebook, payee, 3 ether);
        _kill(chequebook);
        _force(chequebook, 1 ether);
        _reclaim();

        assertEq(_balance(payee), 3 ether);
        assertEq(_balance(owner.addr), DEPOSIT - 2 ether);
    }

    /* REFUSALS */

    /// @dev Whatever it is that the token answers, the error is ours, though the token could throw one that looks so.
    function test_WhenTheTokenRefuses_NothingIsChanged() public {
        RefusingToken refusing = RefusingToken(_newToken("RefusingToken", ""));
        _use(address(refusing));
        _cashAllowed(refusing, 1 ether);

        bytes memory posing = _staleCheque(1, 2);
        for (uint256 i; i <= uint8(type(RefusingToken.Manner).max); i++) {
            refusing.refuse(RefusingToken.Manner(i), posing);
            _assertRefused(2 ether); // covered
            _assertRefused(DEPOSIT + 1); // an overdraft
            _assertCallRefused(
                owner.addr, abi.encodeCall(chequebook.kill, ()), _error(IChequebook.PaymentFailed.selector)
            );

            _assertAllIsWellOnceAccepted(refusing);
        }
    }

    function _cashAllowed(RefusingToken refusing, uint256 amount) private {
        refusing.accept();
        _cash(Scheme.Packed, chequebook, payee, amount);
    }

    /// @dev By `cash`, and if it is covered by the covered entry.
    function _assertRefused(uint256 amount) private {
        Signature memory signature = _sign(Scheme.Typed, chequebook, payee, amount);
        bytes memory reason = _error(IChequebook.PaymentFailed.selector);
        bytes memory uncovered = _notCovered(DEPOSIT + 1 - 1 ether, DEPOSIT - 1 ether);

        _assertCallRefused(stranger, Cheques.cashCall(Scheme.Typed, payee, amount, signature), reason);
        _assertCallRefused(
            stranger, Cheques.coveredCall(Scheme.Typed, payee, amount, signature), amount > DEPOSIT ? uncovered : reason
        );
    }

    /// @dev With limited gas, because one manner burns all.
    function _assertCallRefused(address from, bytes memory call, bytes memory reason) private {
        vm.prank(from);
        (bool success, bytes memory answer) = address(chequebook).call{gas: 2_000_000}(call);

        assertFalse(success);
        assertEq(answer, reason);
        _assertUntouched();
    }

    function _assertUntouched() private view {
        assertEq(chequebook.sent(payee), 1 ether);
        assertEq(chequebook.killableAt(), 0);
        assertEq(_balance(address(chequebook)), DEPOSIT - 1 ether);
        assertEq(_balance(payee), 1 ether);
    }

    function _assertAllIsWellOnceAccepted(RefusingToken refusing) private {
        refusing.accept();
        uint256 snapshot = vm.snapshotState();
        _cash(Scheme.Typed, chequebook, payee, 2 ether);
        _cash(Scheme.Typed, chequebook, payee, DEPOSIT + 1);
        assertEq(_balance(payee), DEPOSIT);
        assertEq(chequebook.killableAt(), NEVER);
        assertTrue(vm.revertToState(snapshot));

        _kill(chequebook);
        assertEq(_balance(owner.addr), DEPOSIT - 1 ether);
        assertTrue(vm.revertToState(snapshot));
    }

    function test_WhenTheTokenRefusesAReclaim_ItCanBeRepeated() public {
        RefusingToken refusing = RefusingToken(_newToken("RefusingToken", ""));
        refusing.accept();
        _use(address(refusing));
        _kill(chequebook);
        _force(chequebook, 1 ether);

        refusing.refuse(RefusingToken.Manner.ReturnsFalse, "");
        vm.expectRevert(IChequebook.PaymentFailed.selector);
        _reclaim();
        assertEq(_balance(address(chequebook)), 1 ether);

        refusing.accept();
        _reclaim();
        assertEq(_balance(owner.addr), DEPOSIT + 1 ether);
    }

    function test_ATokenThatRefusesZero_LetsAnEmptyChequebookEnd() public {
        _use(_newToken("NoZeroToken", ""));
        _cash(Scheme.Packed, chequebook, payee, DEPOSIT);
        uint256 snapshot = vm.snapshotState();

        _kill(chequebook);
        assertEq(chequebook.killableAt(), NEVER);
        _reclaim();
        assertTrue(vm.revertToState(snapshot));

        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, 0);
        _cash(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        assertEq(chequebook.killableAt(), NEVER);
    }

    /* THE ISSUER */

    function test_ABlockedPayee_IsNotPaid_AndTheOthersAre() public {
        GovernedToken governed = GovernedToken(_newToken("GovernedToken", ""));
        _use(address(governed));
        governed.blockAccount(payee, true);
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1 ether);

        _refused(Scheme.Packed, chequebook, payee, 1 ether, signature, _error(IChequebook.PaymentFailed.selector));
        _cash(Scheme.Packed, chequebook, otherPayee, 2 ether);
        assertEq(_balance(otherPayee), 2 ether);

        governed.blockAccount(payee, false);
        _submit(Scheme.Packed, chequebook, payee, 1 ether, signature);
        assertEq(_balance(payee), 1 ether);
    }

    function test_ABlockedOwner_CannotKill_AndChequesStillPay() public {
        GovernedToken governed = GovernedToken(_newToken("GovernedToken", ""));
        _use(address(governed));
        governed.blockAccount(owner.addr, true);

        vm.expectRevert(IChequebook.PaymentFailed.selector);
        _kill(chequebook);
        assertEq(chequebook.killableAt(), 0);

        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        _cash(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        assertEq(_balance(payee), DEPOSIT);
    }

    function test_WhileThePausedTokenOrABlockedChequebook_PaysNobody() public {
        GovernedToken governed = GovernedToken(_newToken("GovernedToken", ""));
        _use(address(governed));
        for (uint256 i; i < 2; i++) {
            if (i == 0) governed.pause(true);
            else governed.blockAccount(address(chequebook), true);
            bytes memory reason = _error(IChequebook.PaymentFailed.selector);

            Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1 ether);
            _refused(Scheme.Packed, chequebook, payee, 1 ether, signature, reason);
            Signature memory over = _sign(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
            _refused(Scheme.Packed, chequebook, payee, DEPOSIT + 1, over, reason);
            vm.expectRevert(reason);
            _kill(chequebook);

            governed.pause(false);
            governed.blockAccount(address(chequebook), false);
        }
        _kill(chequebook);
        assertEq(_balance(owner.addr), DEPOSIT);
    }

    /* FEES: CB2 counts what the token was asked to transfer */

    function testFuzz_AFeeOnWhatArrives_IsPaidByTheBeneficiary(uint256 amount) public {
        _use(_newToken("FeeToken", abi.encode(false)));
        amount = bound(amount, 1, DEPOSIT);

        _cash(Scheme.Packed, chequebook, payee, amount);

        assertEq(chequebook.sent(payee), amount);
        assertEq(_balance(payee), amount - amount / 100);
        assertEq(_balance(address(chequebook)), DEPOSIT - amount);
    }

    function test_AFeeOnTop_KeepsTheLastTokensIn() public {
        _use(_newToken("FeeToken", abi.encode(true)));
        bytes memory reason = _error(IChequebook.PaymentFailed.selector);
        Signature memory all = _sign(Scheme.Packed, chequebook, payee, DEPOSIT);
        Signature memory over = _sign(Scheme.Packed, chequebook, payee, DEPOSIT + 1);

        _refused(Scheme.Packed, chequebook, payee, DEPOSIT, all, reason);
        _refused(Scheme.Packed, chequebook, payee, DEPOSIT + 1, over, reason);
        vm.expectRevert(reason);
        _kill(chequebook);

        _cash(Scheme.Packed, chequebook, payee, 9 ether);
        assertEq(_balance(payee), 9 ether);
        assertEq(_balance(address(chequebook)), DEPOSIT - 9.09 ether);
    }

    /* BALANCES THAT CHANGE BY THEMSELVES */

    function test_WhereBalancesShrink_AValidChequeBecomesAnOverdraft() public {
        RebasingToken rebasing = RebasingToken(_newToken("RebasingToken", ""));
        _use(address(rebasing));
        rebasing.rebase(50);

        vm.expectEmit(address(chequebook));
        emit IChequebook.Overdraft(owner.addr);
        _cash(Scheme.Packed, chequebook, payee, 6 ether);

        assertEq(chequebook.sent(payee), 5 ether);
        assertEq(_balance(payee), 5 ether);
    }

    function test_WhereBalancesGrow_TheRestIsTheOwners() public {
        RebasingToken rebasing = RebasingToken(_newToken("RebasingToken", ""));
        _use(address(rebasing));
        rebasing.rebase(200);

        _cash(Scheme.Packed, chequebook, payee, 15 ether);
        _kill(chequebook);

        assertEq(_balance(payee), 15 ether);
        assertEq(_balance(owner.addr), 5 ether);
    }

    /* LIES */

    function test_WhereTheBalanceIsALie_NobodyIsPaidTooMuch() public {
        LyingToken lying = LyingToken(_newToken("LyingToken", ""));
        _use(address(lying));
        lying.lie(100 ether);
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 50 ether);
        bytes memory reason = _error(IChequebook.PaymentFailed.selector);
        _refused(Scheme.Packed, chequebook, payee, 50 ether, signature, reason);
        vm.expectRevert(reason);
        _kill(chequebook);

        lying.lie(3 ether);
        _cash(Scheme.Packed, chequebook, payee, 5 ether);
        lying.lie(0);
        assertEq(chequebook.sent(payee), 3 ether);
        assertEq(_balance(payee), 3 ether);
        _reclaim();
        assertEq(_balance(owner.addr), DEPOSIT - 3 ether);
    }

    /// @dev Only where the token has to tell a balance. The signature was checked before.
    function test_WhereTheBalanceCannotBeRead_ItsErrorIsPassedOn() public {
        LyingToken lying = LyingToken(_newToken("LyingToken", ""));
        _use(address(lying));
        bytes memory posing = _notCovered(1, 0);
        lying.fail(posing);
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1 ether);
        Signature memory forged = Signature(27, signature.r, signature.r);

        _refused(Scheme.Packed, chequebook, payee, 1 ether, signature, posing);
        _refused(Scheme.Packed, chequebook, payee, 1 ether, forged, _error(IChequebook.InvalidSignature.selector));
        vm.expectRevert(posing);
        _kill(chequebook);

        lying.fail("");
        _submit(Scheme.Packed, chequebook, payee, 1 ether, signature);
        assertEq(_balance(payee), 1 ether);
    }

    function test_WhereTheTokenIsGone_NothingIsChanged() public {
        _use(_newToken("StandardToken", ""));
        bytes memory code = address(token).code;
        vm.etch(address(token), "");
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1 ether);

        (bool success,) = address(chequebook).call(Cheques.cashCall(Scheme.Packed, payee, 1 ether, signature));
        assertFalse(success);
        assertEq(chequebook.sent(payee), 0);

        vm.etch(address(token), code);
        _submit(Scheme.Packed, chequebook, payee, 1 ether, signature);
        assertEq(_balance(payee), 1 ether);
    }

    /* REENTRANCE */

    /// @dev A payee that is called before the tokens move sees the old balance: it may ask for more than there is, but
    /// then the outer payment fails, and with it all.
    function test_ATokenThatCallsFirst_PaysNoTokenTwice() public {
        _use(_newToken("CallbackFirstToken", ""));
        Reenterer reenterer = new Reenterer();
        address payable to = payable(reenterer);
        uint256[3] memory newer = [uint256(8 ether), DEPOSIT + 4 ether, 100 ether];
        for (uint256 i; i < newer.length; i++) {
            Signature memory inner = _sign(Scheme.Typed, chequebook, to, newer[i]);
            reenterer.prepare(address(chequebook), Cheques.cashCall(Scheme.Typed, to, newer[i], inner));
            uint256 snapshot = vm.snapshotState();
            Signature memory outer = _sign(Scheme.Packed, chequebook, to, 4 ether);

            if (i == 0) {
                _submit(Scheme.Packed, chequebook, to, 4 ether, outer);
                assertEq(_balance(to), 8 ether);
                assertEq(chequebook.sent(to), 8 ether);
            } else {
                bytes memory reason = _error(IChequebook.PaymentFailed.selector);
                _refused(Scheme.Packed, chequebook, to, 4 ether, outer, reason);
                assertEq(chequebook.sent(to), 0);
                assertEq(chequebook.killableAt(), 0);
                assertEq(_balance(address(chequebook)), DEPOSIT);
            }
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function _reclaim() private {
        vm.prank(owner.addr);
        chequebook.reclaim();
    }
}
