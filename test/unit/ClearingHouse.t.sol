// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {AcceptsAnything, HostileChequebook} from "../mocks/Hostile.sol";
import {Reenterer, Refuser} from "../mocks/Payees.sol";
import {StandardToken} from "../mocks/Tokens.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice What the clearing house cashes, skips and reports. What gas it needs is in HouseGas.t.sol.
abstract contract ClearingHouseTest is FormTest {
    uint32 private constant GAS_EACH = 500_000;

    ClearingHouse private house = _newClearingHouse();
    IChequebook private first;
    IChequebook private second;
    IClearingHouse.Cheque[] private cheques;

    function setUp() public {
        first = _createInEarlierBlock(0, DEPOSIT);
        second = _createInEarlierBlock(0, DEPOSIT);
    }

    /* CASH */

    function testFuzz_CashesChequesOfManyChequebooks(bool[8] calldata typed, uint64[8] calldata amounts) public {
        for (uint256 i; i < amounts.length; i++) {
            _add(_scheme(typed[i]), i % 2 == 0 ? first : second, _payee(i), bound(amounts[i], 1, 1 ether));
        }

        assertEq(_run(), 8);

        for (uint256 i; i < amounts.length; i++) {
            assertEq(_balance(_payee(i)), cheques[i].amount);
        }
        assertEq(_balance(address(house)), 0);
    }

    function test_CashesInOrder() public {
        _add(Scheme.Packed, first, payee, 1 ether);
        _add(Scheme.Typed, first, payee, 3 ether);
        _add(Scheme.Packed, first, otherPayee, 2 ether);
        _add(Scheme.Typed, first, payee, 2 ether); // older than the previous one

        vm.expectEmit(address(first));
        emit IChequebook.Cashed(payee, 1 ether);
        vm.expectEmit(address(first));
        emit IChequebook.Cashed(payee, 2 ether);
        vm.expectEmit(address(first));
        emit IChequebook.Cashed(otherPayee, 2 ether);
        _expectSkipped(first, payee, 2 ether, IChequebook.StaleCheque.selector);
        assertEq(_run(), 3);

        assertEq(_balance(payee), 3 ether);
        assertEq(_balance(otherPayee), 2 ether);
    }

    function test_CashesManyCheques() public {
        uint256 count = 200;
        for (uint256 i; i < count; i++) {
            _add(_scheme(i % 2 == 0), i % 3 == 0 ? first : second, _payee(i), i + 1);
        }

        assertEq(_run(), count);

        for (uint256 i; i < count; i++) {
            assertEq(_balance(_payee(i)), i + 1);
        }
    }

    function test_NothingToCash() public {
        assertEq(_run(), 0);
    }

    /// @dev For both values of `v`, which the house takes from the highest bit of `vs`.
    function testFuzz_TakesEverySignature(uint256 amount, bool typed) public {
        amount = bound(amount, 1, DEPOSIT);
        _add(_scheme(typed), first, payee, amount);

        assertEq(_run(), 1);
        assertEq(_balance(payee), amount);
    }

    /* SKIP */

    function test_SkipsWhatTheChequebookRefuses_AndCashesTheRest() public {
        address payable refuser = payable(address(new Refuser()));
        _cash(Scheme.Packed, first, payee, 1 ether);
        _add(Scheme.Packed, first, payee, 1 ether); // stale
        _add(Scheme.Packed, first, refuser, 1 ether);
        _add(Scheme.Packed, first, payable(first), 1 ether);
        _add(Scheme.Packed, first, otherPayee, 1 ether);
        cheques[3].r = bytes32(uint256(1)); // forged
        _add(Scheme.Packed, first, otherPayee, 1 ether);
        cheques[4].typed = true; // the other kind
        _add(Scheme.Packed, first, otherPayee, 2 ether); // good

        _expectSkipped(first, payee, 1 ether, IChequebook.StaleCheque.selector);
        _expectSkipped(first, refuser, 1 ether, IChequebook.PaymentFailed.selector);
        _expectSkipped(first, payable(first), 1 ether, IChequebook.InvalidBeneficiary.selector);
        _expectSkipped(first, otherPayee, 1 ether, IChequebook.InvalidSignature.selector);
        _expectSkipped(first, otherPayee, 1 ether, IChequebook.InvalidSignature.selector);
        assertEq(_run(), 1);

        assertEq(_balance(otherPayee), 2 ether);
        assertEq(first.sent(refuser), 0);
    }

    function test_SkipsTheCheque_OfAChequebookThatIsNotThere() public {
        IChequebook nowhere = IChequebook(payable(makeAddr("nowhere")));
        _add(Scheme.Typed, nowhere, payee, 1 ether);
        _add(Scheme.Typed, first, payee, 1 ether);

        _expectSkipped(nowhere, payee, 1 ether, IClearingHouse.NoChequebook.selector);
        assertEq(_run(), 1);
    }

    function test_SkipsTheCheque_OfADeadChequebook() public {
        _kill(first);
        _add(Scheme.Packed, first, payee, 1);
        _add(Scheme.Packed, second, payee, 1);

        bool tombstone = _isToken() || Hardfork.codeSurvives();
        bytes4 gone = IClearingHouse.NoChequebook.selector;
        _expectSkipped(first, payee, 1, tombstone ? IChequebook.NotCovered.selector : gone);
        assertEq(_run(), 1);
    }

    function test_SkipsWhatIsNotCovered_AndPaysWhatIsStillOwed() public {
        _cash(Scheme.Packed, first, payee, 9 ether);
        _add(Scheme.Packed, first, otherPayee, 1 ether + 1);
        _add(Scheme.Packed, first, payee, 10 ether); // owed: the whole balance
        _add(Scheme.Typed, first, otherPayee, 1);

        _expectSkipped(first, otherPayee, 1 ether + 1, IChequebook.NotCovered.selector);
        _expectSkipped(first, otherPayee, 1, IChequebook.NotCovered.selector);
        assertEq(_run(), 1);

        assertEq(_balance(payee), 10 ether);
        assertEq(first.killableAt(), 0);
    }

    /// @dev So the report that a cheque is not covered proves that the signer signed it.
    function testFuzz_AForgedCheque_IsNotReportedAsNotCovered(uint256 amount, bytes32 r, bytes32 vs, bool typed)
        public
    {
        amount = bound(amount, DEPOSIT + 1, type(uint256).max);
        cheques.push(IClearingHouse.Cheque(first, payee, amount, typed, r, vs));

        _expectSkipped(first, payee, amount, IChequebook.InvalidSignature.selector);
        assertEq(_run(), 0);
    }

    /// @dev What is skipped is public: whoever reads it there can submit it to `cash`.
    function test_WhatIsSkippedAsNotCovered_AnybodyCanOverdrawWith() public {
        _add(Scheme.Typed, first, payee, DEPOSIT + 1 ether);
        assertEq(_run(), 0);
        assertEq(first.killableAt(), 0);

        IClearingHouse.Cheque memory seen = cheques[0];
        uint8 v = 27 + uint8(uint256(seen.vs) >> 255);
        vm.expectEmit(address(first));
        emit IChequebook.Overdraft(owner.addr);
        vm.prank(makeAddr("griefer"));
        first.cashTyped(seen.beneficiary, seen.amount, v, seen.r, seen.vs << 1 >> 1);

        assertEq(_balance(payee), DEPOSIT);
    }

    /* WHAT IS NO CHEQUEBOOK */

    /// @dev It counts calls that succeed: also of a contract that takes any call, and of an account that is delegated
    /// (EIP-7702) to nothing. Nobody is paid, and nothing is reported.
    function test_CountsWhatIsNoChequebook() public {
        Hardfork.set(Hardfork.PRAGUE); // brings EIP-7702
        address delegated = makeAddr("delegated to an account without code");
        vm.etch(delegated, abi.encodePacked(hex"ef0100", address(0xdead)));
        _add(Scheme.Packed, IChequebook(payable(delegated)), payee, 1 ether);
        _add(Scheme.Typed, IChequebook(payable(address(new AcceptsAnything()))), payee, 1 ether);
        vm.recordLogs();

        assertEq(_run(), 2);

        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(_balance(payee), 0);
    }

    function test_ReportsAFailureWithoutAnError() public {
        HostileChequebook.Manner[2] memory silent =
            [HostileChequebook.Manner.BurnsAllGas, HostileChequebook.Manner.RevertsWithNothing];
        for (uint256 i; i < silent.length; i++) {
            IChequebook hostile = IChequebook(payable(address(new HostileChequebook(silent[i]))));
            _add(Scheme.Packed, hostile, payee, 1);
            _expectSkipped(hostile, payee, 1, IClearingHouse.Failed.selector);
        }

        assertEq(_run(), 0);
    }

    /// @dev The error of the previous cheque must not be reported for this one.
    function test_ReportsAFailureWithoutAnError_AfterOneWith() public {
        IChequebook silent =
            IChequebook(payable(address(new HostileChequebook(HostileChequebook.Manner.RevertsWithNothing))));
        _cash(Scheme.Packed, first, payee, 1);
        _add(Scheme.Packed, first, payee, 1);
        _add(Scheme.Packed, silent, payee, 1);

        _expectSkipped(first, payee, 1, IChequebook.StaleCheque.selector);
        _expectSkipped(silent, payee, 1, IClearingHouse.Failed.selector);
        assertEq(_run(), 0);
    }

    /* REENTRANCE */

    /// @dev A payee cashes more between two cheques: the later one is compared with what is left.
    function test_Reentrance_OfAPayee_LeavesTheOthersTheirChecks() public {
        Reenterer greedy = new Reenterer();
        address payable to = payable(greedy);
        Signature memory newer = _sign(Scheme.Packed, first, to, 9 ether);
        greedy.prepare(address(first), Cheques.cashCall(Scheme.Packed, to, 9 ether, newer));
        _add(Scheme.Packed, first, to, 1 ether);
        _add(Scheme.Packed, first, payee, 5 ether);
        _add(Scheme.Packed, first, payee, 1 ether);

        _expectSkipped(first, payee, 5 ether, IChequebook.NotCovered.selector);
        assertEq(_run(), 2);

        assertTrue(greedy.succeeded());
        assertEq(_balance(to), 9 ether);
        assertEq(_balance(payee), 1 ether);
        assertEq(first.killableAt(), 0);
    }

    function test_Reentrance_OfThisHouse_CashesOnce() public {
        Reenterer greedy = new Reenterer();
        _add(Scheme.Packed, first, payable(greedy), 1 ether);
        greedy.prepare(address(house), abi.encodeCall(house.cash, (cheques, 20_000)));

        assertEq(_run(), 1);

        assertTrue(greedy.succeeded());
        assertEq(abi.decode(greedy.answer(), (uint256)), 0);
        assertEq(_balance(address(greedy)), 1 ether);
    }

    /// @dev No overflow makes the check pass.
    function testFuzz_RevertWhen_GasIsNotEnoughForAll(uint32 gasEach, uint8 count) public {
        count = uint8(bound(count, 1, 50));
        gasEach = uint32(bound(gasEach, 500_000, type(uint32).max));

        vm.expectPartialRevert(IClearingHouse.NotEnoughGas.selector);
        house.cash{gas: count * uint256(gasEach)}(new IClearingHouse.Cheque[](count), gasEach);
    }

    /* HELPERS */

    function _payee(uint256 index) private pure returns (address payable) {
        return payable(address(uint160(uint256(keccak256(abi.encode(index))))));
    }

    function _add(Scheme scheme, IChequebook chequebook, address payable beneficiary, uint256 amount) private {
        Signature memory signature = _sign(scheme, chequebook, beneficiary, amount);
        cheques.push(Cheques.compact(scheme, chequebook, beneficiary, amount, signature));
    }

    function _run() private returns (uint256 cashed) {
        vm.prank(stranger);
        return house.cash(cheques, GAS_EACH);
    }

    function _expectSkipped(IChequebook chequebook, address beneficiary, uint256 amount, bytes4 reason) private {
        vm.expectEmit(address(house));
        emit IClearingHouse.Skipped(address(chequebook), beneficiary, amount, reason);
    }
}

/// @notice A cheque that is made out to the clearing house.
abstract contract PaidHouseTest is FormTest {
    /// @dev Ether by an overdraft, tokens by any cheque.
    function test_WhatIsPaidToTheHouse_StaysThere() public {
        address payable house = payable(address(_newClearingHouse()));
        IChequebook chequebook = _createInEarlierBlock(0, DEPOSIT);
        Signature memory signature = _sign(Scheme.Packed, chequebook, house, 1 ether);

        if (_isToken()) {
            _submit(Scheme.Packed, chequebook, house, 1 ether, signature);
        } else {
            bytes memory reason = _error(IChequebook.PaymentFailed.selector);
            _refused(Scheme.Packed, chequebook, house, 1 ether, signature, reason);
        }
        _cash(Scheme.Packed, chequebook, house, DEPOSIT + 1);

        assertEq(_balance(house), DEPOSIT);
    }
}

contract PaidHouseDirectTest is PaidHouseTest, DirectForm {}

contract PaidHouseCloneTest is PaidHouseTest, CloneForm {}

contract PaidHouseTokenTest is PaidHouseTest, TokenForm {
    function setUp() public {
        token = StandardToken(deployCode("Tokens.sol:StandardToken")); // calls nobody
    }
}

contract ClearingHouseDirectTest is ClearingHouseTest, DirectForm {}

contract ClearingHouseCloneTest is ClearingHouseTest, CloneForm {}

contract ClearingHouseTokenTest is ClearingHouseTest, TokenForm {}
