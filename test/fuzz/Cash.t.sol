// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";

abstract contract CashFuzzTest is FormTest {
    uint256 private constant MAX_CHEQUES = 20;

    struct Entry {
        uint96 amount;
        bool typed;
        bool toOther;
    }

    /// @dev CB2, CB8: cheques of both kinds, in any order and with duplicates, pay the largest amount in total.
    function testFuzz_Cash_InAnyOrderAndRepetition(Entry[] calldata entries) public {
        IChequebook chequebook = _createInEarlierBlock(NOTICE, 2 * uint256(type(uint96).max));
        uint256[2] memory largest;

        for (uint256 i; i < entries.length && i < MAX_CHEQUES; i++) {
            Entry calldata entry = entries[i];
            uint256 who = entry.toOther ? 1 : 0;
            Scheme scheme = _scheme(entry.typed);
            address payable to = entry.toOther ? otherPayee : payee;

            if (entry.amount > largest[who]) {
                _cash(scheme, chequebook, to, entry.amount);
                largest[who] = entry.amount;
            } else {
                Signature memory signature = _sign(scheme, chequebook, to, entry.amount);
                _refused(scheme, chequebook, to, entry.amount, signature, _staleCheque(entry.amount, largest[who]));
            }

            assertEq(_balance(payee), largest[0]);
            assertEq(_balance(otherPayee), largest[1]);
            assertEq(chequebook.sent(payee), largest[0]);
            assertEq(chequebook.sent(otherPayee), largest[1]);
        }
    }

    function testFuzz_Cash_AnyBeneficiaryBySignerOfAnyKey(
        address payable beneficiary,
        address submitter,
        uint256 key,
        uint256 amount,
        bool typed
    ) public {
        signer.key = boundPrivateKey(key);
        signer.addr = vm.addr(signer.key);
        stranger = submitter;
        amount = bound(amount, 1, MAX_ETHER);
        IChequebook chequebook = _createInEarlierBlock(NOTICE, MAX_ETHER);
        vm.assume(beneficiary != address(chequebook));
        assumePayable(beneficiary);
        assumeNotForgeAddress(beneficiary);
        vm.assume(!_isToken() || beneficiary != address(0)); // a token refuses that
        uint256 before = _balance(beneficiary);

        _cash(_scheme(typed), chequebook, beneficiary, amount);

        assertEq(_balance(beneficiary) - before, amount);
        assertEq(chequebook.sent(beneficiary), amount);
        assertEq(_balance(address(chequebook)), MAX_ETHER - amount);
    }

    /// @dev Covered up to exactly the balance, an overdraft from one wei above it on.
    function testFuzz_Overdraft_BeginsOneWeiAboveTheBalance(uint256 balance, uint256 sent, uint256 over, bool typed)
        public
    {
        Scheme scheme = _scheme(typed);
        balance = bound(balance, 0, MAX_ETHER);
        sent = bound(sent, 0, MAX_ETHER);
        IChequebook chequebook = _createInEarlierBlock(NOTICE, balance + sent);
        if (sent > 0) _cash(scheme, chequebook, payee, sent);
        uint256 snapshot = vm.snapshotState();

        if (balance > 0) {
            _cash(scheme, chequebook, payee, sent + balance);
            assertEq(_balance(payee), sent + balance, "at the balance");
            assertEq(chequebook.killableAt(), 0);
            assertTrue(vm.revertToState(snapshot));
        }
        if (balance > 1) {
            _cash(scheme, chequebook, payee, sent + balance - 1);
            assertEq(_balance(payee), sent + balance - 1, "just under the balance");
            assertEq(chequebook.killableAt(), 0);
            assertTrue(vm.revertToState(snapshot));
        }

        uint256 amount = sent + balance + bound(over, 1, type(uint256).max - sent - balance);
        vm.expectEmit(address(chequebook));
        emit IChequebook.Cashed(payee, balance);
        vm.expectEmit(address(chequebook));
        emit IChequebook.Overdraft(owner.addr);
        _cash(scheme, chequebook, payee, amount);

        assertEq(_balance(payee), sent + balance, "over the balance");
        assertEq(_balance(address(chequebook)), 0);
    }

    function test_Overdraft_ByTheLargestAmountThereIs() public {
        IChequebook chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);

        _cash(Scheme.Packed, chequebook, payee, type(uint256).max);

        assertEq(_balance(payee), DEPOSIT);
    }
}

contract CashDirectFuzzTest is CashFuzzTest, DirectForm {}

contract CashCloneFuzzTest is CashFuzzTest, CloneForm {}

contract CashTokenFuzzTest is CashFuzzTest, TokenForm {}
