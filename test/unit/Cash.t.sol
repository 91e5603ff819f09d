// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Careless, GasBurner, Reenterer, Refuser, ReturnBomber, Wallet} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice What holds for both kinds of cheque. The contracts at the end run it for each kind and each form.
abstract contract CashTest is FormTest {
    Scheme internal immutable SCHEME;
    Scheme internal immutable OTHER_SCHEME;

    IChequebook internal chequebook;

    constructor(Scheme scheme, Scheme otherScheme) {
        SCHEME = scheme;
        OTHER_SCHEME = otherScheme;
    }

    function setUp() public {
        chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    /* COVERED */

    function test_Cash_PaysWhatTheChequePromises() public {
        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, 1 ether);
        _cash(SCHEME, chequebook, payee, 1 ether);

        assertEq(_balance(payee), 1 ether);
        assertEq(chequebook.sent(payee), 1 ether);
        assertEq(_balance(address(chequebook)), 9 ether);
    }

    function test_Cash_PaysTheDifferenceToWhatWasSent() public {
        _cash(SCHEME, chequebook, payee, 1 ether);

        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, 2 ether);
        _cash(SCHEME, chequebook, payee, 3 ether);

        assertEq(_balance(payee), 3 ether);
        assertEq(chequebook.sent(payee), 3 ether);
    }

    function test_Cash_CountsEachBeneficiaryByItself() public {
        _cash(SCHEME, chequebook, payee, 1 ether);
        _cash(SCHEME, chequebook, otherPayee, 2 ether);

        assertEq(chequebook.sent(payee), 1 ether);
        assertEq(chequebook.sent(otherPayee), 2 ether);
        assertEq(_balance(otherPayee), 2 ether);
    }

    function test_Cash_CountsBothKindsOfChequeTogether() public {
        _cash(SCHEME, chequebook, payee, 1 ether);
        _cash(OTHER_SCHEME, chequebook, payee, 3 ether);

        assertEq(_balance(payee), 3 ether);
    }

    function test_Cash_OfTheWholeBalanceIsNoOverdraft() public {
        _cash(SCHEME, chequebook, payee, DEPOSIT);

        assertEq(_balance(payee), DEPOSIT);
        assertEq(chequebook.killableAt(), 0);
        assertTrue(_deposit(chequebook, 1));
    }

    function test_Cash_SignerDefaultsToTheOwner() public {
        IChequebook own = _create(owner.addr, address(0), 0, DEPOSIT);
        assertEq(own.signer(), owner.addr);

        _submit(SCHEME, own, payee, 1, Cheques.sign(SCHEME, owner.key, address(own), payee, 1));

        assertEq(_balance(payee), 1);
    }

    function test_Cash_PaysAWalletThatNeedsMoreThanTheStipend() public {
        Wallet wallet = new Wallet();

        _cash(SCHEME, chequebook, payable(wallet), 1 ether);

        assertEq(wallet.payments(), 1);
        assertEq(_balance(address(wallet)), 1 ether);
    }

    /// @dev Whoever submits a cheque chooses how much gas is left for its beneficiary.
    function test_Cash_WithLittleGas_PaysABeneficiaryThatHidesItsOwnFailure() public {
        Careless careless = new Careless();
        Signature memory signature = _sign(SCHEME, chequebook, address(careless), 1 ether);
        bytes memory call = Cheques.cashCall(SCHEME, payable(careless), 1 ether, signature);

        bool paid = false;
        for (uint256 gas = 60_000; gas < 200_000 && !paid; gas += 1000) {
            (paid,) = address(chequebook).call{gas: gas}(call);
        }

        assertTrue(paid);
        assertEq(_balance(address(careless)), 1 ether);
        assertEq(careless.payments(), 0);
    }

    /* REQUIREMENTS */

    function test_RevertWhen_BeneficiaryIsTheChequebook() public {
        address payable self = payable(chequebook);

        bytes memory reason = abi.encodeWithSelector(IChequebook.InvalidBeneficiary.selector, self);
        _refused(SCHEME, chequebook, self, 1, _sign(SCHEME, chequebook, self, 1), reason);
    }

    function test_RevertWhen_AmountIsNotAboveSent() public {
        Signature memory old = _sign(SCHEME, chequebook, payee, 2 ether);
        _cash(SCHEME, chequebook, payee, 3 ether);

        _refused(SCHEME, chequebook, payee, 2 ether, old, _staleCheque(2 ether, 3 ether));
        Signature memory same = _sign(SCHEME, chequebook, payee, 3 ether);
        _refused(SCHEME, chequebook, payee, 3 ether, same, _staleCheque(3 ether, 3 ether));
    }

    function test_RevertWhen_AmountIsZero() public {
        Signature memory nothing = _sign(SCHEME, chequebook, payee, 0);
        _refused(SCHEME, chequebook, payee, 0, nothing, _staleCheque(0, 0));
    }

    function test_RevertWhen_TheOwnerSignsInPlaceOfTheSigner() public {
        Signature memory signature = Cheques.sign(SCHEME, owner.key, address(chequebook), payee, 1);
        _refused(SCHEME, chequebook, payee, 1, signature, _error(IChequebook.InvalidSignature.selector));
    }

    function test_RevertWhen_SignatureIsMalformed() public {
        Signature memory good = _sign(SCHEME, chequebook, payee, 1);
        bytes memory reason = _error(IChequebook.InvalidSignature.selector);

        _refused(SCHEME, chequebook, payee, 1, Signature(good.v - 27, good.r, good.s), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(26, good.r, good.s), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(29, good.r, good.s), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(good.v, 0, good.s), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(good.v, good.r, 0), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(good.v, bytes32(Cheques.CURVE_ORDER), good.s), reason);
        _refused(SCHEME, chequebook, payee, 1, Signature(0, 0, 0), reason);
    }

    function test_RevertWhen_SubmittedAsTheOtherKind() public {
        Signature memory signature = _sign(OTHER_SCHEME, chequebook, payee, 1);
        _refused(SCHEME, chequebook, payee, 1, signature, _error(IChequebook.InvalidSignature.selector));
    }

    function test_RevertWhen_TheChequeIsOfAnotherChequebook() public {
        IChequebook other = _createInEarlierBlock(NOTICE, DEPOSIT);
        Signature memory signature = _sign(SCHEME, other, payee, 1);
        _refused(SCHEME, chequebook, payee, 1, signature, _error(IChequebook.InvalidSignature.selector));
    }

    function test_RevertWhen_TheBeneficiaryRefuses_AndTheChequeStaysGood() public {
        Refuser refuser = new Refuser();
        Signature memory signature = _sign(SCHEME, chequebook, payable(refuser), 1 ether);
        bytes memory reason = _error(IChequebook.PaymentFailed.selector);

        _refused(SCHEME, chequebook, payable(refuser), 1 ether, signature, reason);
        assertEq(chequebook.sent(address(refuser)), 0);

        refuser.accept(true);
        _submit(SCHEME, chequebook, payable(refuser), 1 ether, signature);
        assertEq(_balance(address(refuser)), 1 ether);
    }

    function test_RevertWhen_TheBeneficiaryBurnsAllGas() public {
        address payable burner = payable(address(new GasBurner()));
        Signature memory signature = _sign(SCHEME, chequebook, burner, 1);

        (bool success, bytes memory answer) =
            address(chequebook).call{gas: 1_000_000}(Cheques.cashCall(SCHEME, burner, 1, signature));

        assertFalse(success);
        assertEq(answer, _error(IChequebook.PaymentFailed.selector));
        assertEq(chequebook.sent(burner), 0);
    }

    function test_AReturnBombCostsOnlyItsSender() public {
        address payable bomber = payable(address(new ReturnBomber()));
        Signature memory signature = _sign(SCHEME, chequebook, bomber, 1);

        (bool success,) = address(chequebook).call{gas: 1_000_000}(Cheques.cashCall(SCHEME, bomber, 1, signature));

        assertFalse(success);
        assertEq(chequebook.sent(bomber), 0);
        _cash(SCHEME, chequebook, payee, 1 ether);
        assertEq(_balance(payee), 1 ether);
    }

    /* OVERDRAFT */

    function test_Overdraft_PaysTheBalanceAndCountsOnlyThat() public {
        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, DEPOSIT);
        vm.expectEmit(address(chequebook));
        emit IChequebook.Overdraft(owner.addr);
        _cash(SCHEME, chequebook, payee, DEPOSIT + 1);

        assertEq(_balance(payee), DEPOSIT);
        assertEq(_balance(address(chequebook)), 0);
        assertEq(_balance(owner.addr), 0);
    }

    function test_Overdraft_AfterAnEarlierPaymentPaysTheRest() public {
        _cash(SCHEME, chequebook, payee, 4 ether);

        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, 6 ether);
        _cash(SCHEME, chequebook, payee, 20 ether);

        assertEq(_balance(payee), DEPOSIT);
    }

    function test_Overdraft_OfAnEmptyChequebookPaysNothingAndEndsIt() public {
        IChequebook empty = _createInEarlierBlock(NOTICE, 0);

        vm.expectEmit(address(empty));
        emit IChequebook.Cashed(payee, 0);
        vm.expectEmit(address(empty));
        emit IChequebook.Overdraft(owner.addr);
        _cash(SCHEME, empty, payee, 1);

        assertEq(_balance(payee), 0);
    }

    /// @dev Ether arrives without running any code. A token can refuse; then nothing is changed.
    function test_Overdraft_CannotBeBlockedByABeneficiaryThatRefuses_ExceptOfTokens() public {
        Refuser refuser = new Refuser();
        Signature memory signature = _sign(SCHEME, chequebook, address(refuser), DEPOSIT + 1);

        if (_isToken()) {
            bytes memory reason = _error(IChequebook.PaymentFailed.selector);
            _refused(SCHEME, chequebook, payable(refuser), DEPOSIT + 1, signature, reason);
            assertEq(chequebook.sent(address(refuser)), 0);
            assertEq(chequebook.killableAt(), 0);
            assertEq(_balance(address(chequebook)), DEPOSIT);
            refuser.accept(true);
        }
        _submit(SCHEME, chequebook, payable(refuser), DEPOSIT + 1, signature);

        assertEq(_balance(address(refuser)), DEPOSIT);
        assertEq(refuser.accepting(), _isToken());
    }

    function test_RevertWhen_OverdraftInTheBlockOfCreation() public {
        IChequebook newborn = _createInThisBlock(NOTICE, DEPOSIT);
        Signature memory signature = _sign(SCHEME, newborn, payee, DEPOSIT + 1);

        _refused(SCHEME, newborn, payee, DEPOSIT + 1, signature, _error(IMortal.BornThisBlock.selector));
        assertEq(newborn.sent(payee), 0);

        _cash(SCHEME, newborn, payee, DEPOSIT);
        assertEq(_balance(payee), DEPOSIT);
    }
}

abstract contract CashPackedTest is CashTest(Scheme.Packed, Scheme.Typed) {
    function _prepare(Reenterer reenterer, uint256 amount, Signature memory signature) private {
        reenterer.prepare(address(chequebook), Cheques.cashCall(SCHEME, payable(reenterer), amount, signature));
    }

    function test_Reentrance_CannotCashTheSameChequeTwice() public {
        Reenterer reenterer = new Reenterer();
        Signature memory signature = _sign(SCHEME, chequebook, address(reenterer), 1 ether);
        _prepare(reenterer, 1 ether, signature);

        _submit(SCHEME, chequebook, payable(reenterer), 1 ether, signature);

        assertFalse(reenterer.succeeded());
        assertEq(reenterer.answer(), _staleCheque(1 ether, 1 ether));
        assertEq(_balance(address(reenterer)), 1 ether);
    }

    function test_Reentrance_MayCashANewerCheque() public {
        Reenterer reenterer = new Reenterer();
        _prepare(reenterer, 3 ether, _sign(SCHEME, chequebook, address(reenterer), 3 ether));

        _cash(SCHEME, chequebook, payable(reenterer), 1 ether);

        assertTrue(reenterer.succeeded());
        assertEq(reenterer.payments(), 2);
        assertEq(_balance(address(reenterer)), 3 ether);
        assertEq(chequebook.sent(address(reenterer)), 3 ether);
    }

    function test_Reentrance_MayOverdraw_AndIsPaidOnce() public {
        Reenterer reenterer = new Reenterer();
        _prepare(reenterer, 99 ether, _sign(SCHEME, chequebook, address(reenterer), 99 ether));

        _cash(SCHEME, chequebook, payable(reenterer), 1 ether);

        assertTrue(reenterer.succeeded());
        assertEq(reenterer.payments(), _isToken() ? 2 : 1, "an overdraft of ether runs no code of the payee");
        assertEq(_balance(address(reenterer)), DEPOSIT);
    }

    function test_PackedCheque_IsGoodOnEveryChain() public {
        Signature memory signature = _sign(SCHEME, chequebook, payee, 1);
        vm.chainId(5);

        _submit(SCHEME, chequebook, payee, 1, signature);

        assertEq(_balance(payee), 1);
    }
}

abstract contract CashTypedTest is CashTest(Scheme.Typed, Scheme.Packed) {
    function test_RevertWhen_TheChequeIsOfAnotherChain() public {
        Signature memory signature = _sign(SCHEME, chequebook, payee, 1);
        vm.chainId(5);

        _refused(SCHEME, chequebook, payee, 1, signature, _error(IChequebook.InvalidSignature.selector));
    }
}

contract CashPackedDirectTest is CashPackedTest, DirectForm {}

contract CashPackedCloneTest is CashPackedTest, CloneForm {}

contract CashPackedTokenTest is CashPackedTest, TokenForm {}

contract CashTypedDirectTest is CashTypedTest, DirectForm {}

contract CashTypedCloneTest is CashTypedTest, CloneForm {}

contract CashTypedTokenTest is CashTypedTest, TokenForm {}
