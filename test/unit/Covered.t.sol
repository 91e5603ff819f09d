// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Reenterer, Refuser} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice `cashIfCovered` and `cashTypedIfCovered`: as `cash` and `cashTyped`, but never an overdraft.
abstract contract CoveredTest is FormTest {
    IChequebook private chequebook;

    function setUp() public {
        chequebook = _createInEarlierBlock(0, DEPOSIT);
    }

    /* PAYMENT */

    function testFuzz_PaysWhatIsCovered_AsCashDoes(uint256 already, uint256 owed, bool typed) public {
        already = bound(already, 0, DEPOSIT - 1);
        owed = bound(owed, 1, DEPOSIT - already);
        if (already != 0) _cash(_scheme(!typed), chequebook, payee, already);

        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, owed);
        _cashIfCovered(_scheme(typed), chequebook, payee, already + owed);

        assertEq(_balance(payee), already + owed);
        assertEq(chequebook.sent(payee), already + owed);
        assertEq(chequebook.killableAt(), 0);
    }

    /// @dev Nothing is changed, so the cheque is paid in full once it is covered.
    function testFuzz_RevertWhen_NotCovered_AndTheChequeStaysGood(uint256 already, uint256 missing, bool typed) public {
        Scheme scheme = _scheme(typed);
        already = bound(already, 1, DEPOSIT);
        missing = bound(missing, 1, MAX_ETHER);
        _cash(scheme, chequebook, payee, already);
        uint256 balance = DEPOSIT - already;
        Signature memory signature = _sign(scheme, chequebook, payee, DEPOSIT + missing);

        vm.expectRevert(_notCovered(balance + missing, balance));
        _submitIfCovered(scheme, chequebook, payee, DEPOSIT + missing, signature);
        assertEq(chequebook.sent(payee), already);
        assertEq(chequebook.killableAt(), 0);
        assertEq(_balance(address(chequebook)), balance);

        assertTrue(_deposit(chequebook, missing));
        _submitIfCovered(scheme, chequebook, payee, DEPOSIT + missing, signature);
        assertEq(_balance(payee), DEPOSIT + missing);
    }

    function test_RevertWhen_TheBeneficiaryRefuses() public {
        Refuser refuser = new Refuser();
        Signature memory signature = _sign(Scheme.Packed, chequebook, address(refuser), 1 ether);

        vm.expectRevert(IChequebook.PaymentFailed.selector);
        _submitIfCovered(Scheme.Packed, chequebook, payable(refuser), 1 ether, signature);
        assertEq(chequebook.sent(address(refuser)), 0);
    }

    /* COVERAGE IS CHECKED LAST */

    /// @dev So {NotCovered} proves that the signature is valid.
    function testFuzz_RevertWhen_TheSignatureIsInvalid_ThoughNotCovered(
        uint256 amount,
        uint256 key,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bool typed
    ) public {
        Scheme scheme = _scheme(typed);
        amount = bound(amount, DEPOSIT + 1, type(uint256).max);
        key = boundPrivateKey(key);
        vm.assume(key != signer.key);
        Signature memory byOther = Cheques.sign(scheme, key, address(chequebook), payee, amount);
        Signature memory ofOtherScheme = _sign(_scheme(!typed), chequebook, payee, amount);

        _refusedIfCovered(scheme, payee, amount, byOther, _error(IChequebook.InvalidSignature.selector));
        _refusedIfCovered(scheme, payee, amount, ofOtherScheme, _error(IChequebook.InvalidSignature.selector));
        _refusedIfCovered(scheme, payee, amount, Signature(v, r, s), _error(IChequebook.InvalidSignature.selector));
    }

    function testFuzz_RevertWhen_StaleOrToItself_ThoughTheBalanceIsZero(uint256 amount, bool typed) public {
        Scheme scheme = _scheme(typed);
        _cash(scheme, chequebook, payee, DEPOSIT);
        address payable self = payable(chequebook);
        amount = bound(amount, 0, DEPOSIT);
        Signature memory none;

        bytes memory invalid = abi.encodeWithSelector(IChequebook.InvalidBeneficiary.selector, self);
        _refusedIfCovered(scheme, payee, amount, none, _staleCheque(amount, DEPOSIT));
        _refusedIfCovered(scheme, self, 1 + amount, _sign(scheme, chequebook, self, 1 + amount), invalid);
    }

    /* NEVER A DEATH */

    function testFuzz_NeverEndsTheChequebook(uint256[5] calldata amounts, uint8 typed, bool announced, bool newborn)
        public
    {
        if (newborn) chequebook = _createInThisBlock(NOTICE, DEPOSIT);
        if (announced) _announceKill(chequebook);
        uint256 before = chequebook.killableAt();
        uint256 paid;
        for (uint256 i; i < amounts.length; i++) {
            address payable to = payable(makeAddr(vm.toString(i)));
            uint256 amount = bound(amounts[i], 1, DEPOSIT);
            Scheme scheme = _scheme(typed >> i & 1 != 0);
            bytes memory call = Cheques.coveredCall(scheme, to, amount, _sign(scheme, chequebook, to, amount));

            (bool success, bytes memory answer) = address(chequebook).call(call);

            assertEq(success, paid + amount <= DEPOSIT);
            if (success) paid += amount;
            else assertEq(answer, _notCovered(amount, DEPOSIT - paid));
        }
        assertEq(chequebook.killableAt(), before);
        assertEq(_balance(address(chequebook)), DEPOSIT - paid);
    }

    /// @dev Also not when somebody else was first, by `cash` or during a payment.
    function test_RacedByAnother_IsRefusedAsStaleOrNotCovered() public {
        Signature memory signature = _sign(Scheme.Typed, chequebook, payee, 6 ether);
        Signature memory newer = _sign(Scheme.Typed, chequebook, payee, 7 ether);
        _submit(Scheme.Typed, chequebook, payee, 6 ether, signature);

        _refusedIfCovered(Scheme.Typed, payee, 6 ether, signature, _staleCheque(6 ether, 6 ether));
        _cash(Scheme.Packed, chequebook, otherPayee, 3.5 ether);
        _refusedIfCovered(Scheme.Typed, payee, 7 ether, newer, _notCovered(1 ether, 0.5 ether));

        assertEq(chequebook.killableAt(), 0);
    }

    /// @dev Anybody can submit it to `cash`, which overdraws.
    function test_WhatIsNotCovered_CanBeSubmittedToCash() public {
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        _refusedIfCovered(Scheme.Packed, payee, DEPOSIT + 1, signature, _notCovered(DEPOSIT + 1, DEPOSIT));

        vm.expectEmit(address(chequebook));
        emit IChequebook.Overdraft(owner.addr);
        _submit(Scheme.Packed, chequebook, payee, DEPOSIT + 1, signature);
        assertEq(_balance(payee), DEPOSIT);
    }

    function test_Reentrance_SeesWhatIsLeft() public {
        Reenterer reenterer = new Reenterer();
        address payable to = payable(reenterer);
        Signature memory newer = _sign(Scheme.Packed, chequebook, to, 11 ether);
        reenterer.prepare(address(chequebook), Cheques.coveredCall(Scheme.Packed, to, 11 ether, newer));

        _cashIfCovered(Scheme.Packed, chequebook, to, 4 ether);

        assertFalse(reenterer.succeeded());
        assertEq(reenterer.answer(), _notCovered(7 ether, 6 ether));
        assertEq(_balance(to), 4 ether);
        assertEq(chequebook.killableAt(), 0);
    }

    /// @dev In the block of creation as well, where an overdraft says {IMortal-BornThisBlock}.
    function test_RevertWhen_NotCovered_InTheBlockOfCreation() public {
        chequebook = _createInThisBlock(0, DEPOSIT);
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, DEPOSIT + 1);

        _refusedIfCovered(Scheme.Packed, payee, DEPOSIT + 1, signature, _notCovered(DEPOSIT + 1, DEPOSIT));
        bytes memory reason = _error(IMortal.BornThisBlock.selector);
        _refused(Scheme.Packed, chequebook, payee, DEPOSIT + 1, signature, reason);
    }

    function _refusedIfCovered(
        Scheme scheme,
        address payable beneficiary,
        uint256 amount,
        Signature memory signature,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        _submitIfCovered(scheme, chequebook, beneficiary, amount, signature);
    }
}

contract CoveredDirectTest is CoveredTest, DirectForm {}

contract CoveredCloneTest is CoveredTest, CloneForm {}

contract CoveredTokenTest is CoveredTest, TokenForm {}
