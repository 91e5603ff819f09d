// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";
import {HostileChequebook} from "../mocks/Hostile.sol";
import {GasBurner, Refuser, ReturnBomber} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

abstract contract ClearingHouseTest is FormTest {
    uint32 private constant GAS_EACH = 150_000;

    ClearingHouse private house = _newClearingHouse();
    Chequebook private first;
    Chequebook private second;
    IClearingHouse.Batch[] private batches;

    function setUp() public {
        first = _createInEarlierBlock(0, DEPOSIT);
        second = _createInEarlierBlock(0, DEPOSIT);
    }

    /* CASH */

    function testFuzz_CashesChequesOfManyChequebooks(bool[8] calldata typed, uint64[8] calldata amounts) public {
        uint256[8] memory owed;
        for (uint256 i; i < amounts.length; i++) {
            owed[i] = bound(amounts[i], 1, 1 ether);
            _add(_scheme(typed[i]), i % 2 == 0 ? first : second, _payee(i), owed[i], true);
        }

        assertEq(_run(), 8);

        for (uint256 i; i < amounts.length; i++) {
            assertEq(_payee(i).balance, owed[i]);
        }
        assertEq(address(house).balance, 0);
    }

    function test_CashesManyOfOneBatchInOrder() public {
        _add(Scheme.Packed, first, payee, 1 ether, false);
        _append(payee, 3 ether);
        _append(otherPayee, 2 ether);
        _append(payee, 2 ether); // older than the previous one

        vm.expectEmit(address(first));
        emit IChequebook.Cashed(payee, 1 ether);
        vm.expectEmit(address(first));
        emit IChequebook.Cashed(payee, 2 ether);
        vm.expectEmit(address(first));
        emit IChequebook.Cashed(otherPayee, 2 ether);
        _expectSkipped(first, payee, 2 ether, IChequebook.StaleCheque.selector);
        assertEq(_run(), 3);

        assertEq(payee.balance, 3 ether);
        assertEq(otherPayee.balance, 2 ether);
    }

    function test_NothingToCash() public {
        assertEq(_run(), 0);
        batches.push();
        batches[0].chequebook = first;
        assertEq(_run(), 0);
    }

    /// @dev For both values of `v`, which the house takes in the highest bit of `s`.
    function testFuzz_TakesEverySignature(uint256 amount, bool typed) public {
        amount = bound(amount, 1, DEPOSIT);
        _add(_scheme(typed), first, payee, amount, false);

        assertEq(_run(), 1);
        assertEq(payee.balance, amount);
    }

    /* SKIP */

    function test_SkipsWhatTheChequebookRefuses_AndCashesTheRest() public {
        address payable refuser = payable(address(new Refuser()));
        _cash(Scheme.Packed, first, payee, 1 ether);
        _add(Scheme.Packed, first, payee, 1 ether, false); // stale
        _append(refuser, 1 ether);
        _append(payable(first), 1 ether);
        _append(otherPayee, 1 ether);
        batches[0].cheques[3].r = bytes32(uint256(1)); // forged
        _append(otherPayee, 2 ether); // good

        _expectSkipped(first, payee, 1 ether, IChequebook.StaleCheque.selector);
        _expectSkipped(first, refuser, 1 ether, IChequebook.PaymentFailed.selector);
        _expectSkipped(first, payable(first), 1 ether, IChequebook.InvalidBeneficiary.selector);
        _expectSkipped(first, otherPayee, 1 ether, IChequebook.InvalidSignature.selector);
        assertEq(_run(), 1);

        assertEq(otherPayee.balance, 2 ether);
        assertEq(first.sent(refuser), 0);
    }

    function test_SkipsTheCheque_OfAChequebookThatIsNotThere() public {
        Chequebook nowhere = Chequebook(payable(makeAddr("nowhere")));
        _add(Scheme.Typed, nowhere, payee, 1 ether, true);
        _add(Scheme.Typed, first, payee, 1 ether, true);

        _expectSkipped(nowhere, payee, 1 ether, IClearingHouse.NoChequebook.selector);
        assertEq(_run(), 1);
    }

    function test_SkipsTheCheque_OfADeadChequebook() public {
        _kill(first);
        _add(Scheme.Packed, first, payee, 1, false);
        _add(Scheme.Packed, second, payee, 1, false);

        bytes4 gone = IClearingHouse.NoChequebook.selector;
        _expectSkipped(first, payee, 1, Hardfork.codeSurvives() ? IMortal.Dead.selector : gone);
        assertEq(_run(), 1);
    }

    /// @dev The first overdraft kills the chequebook, so the second one is refused.
    function test_SkipsASecondOverdraft() public {
        _add(Scheme.Packed, first, payee, DEPOSIT + 1, false);
        _append(otherPayee, 1);

        _expectSkipped(first, otherPayee, 1, IMortal.Dead.selector);
        assertEq(_run(), 1);
        assertEq(payee.balance, DEPOSIT);
    }

    function test_SkipsAnOverdraftInTheBlockOfCreation() public {
        Chequebook newborn = _createInThisBlock(0, DEPOSIT);
        _add(Scheme.Packed, newborn, payee, DEPOSIT + 1, false);

        _expectSkipped(newborn, payee, DEPOSIT + 1, IMortal.BornThisBlock.selector);
        assertEq(_run(), 0);
    }

    /* ONLY IF COVERED */

    function testFuzz_OnlyIfCovered_NeverBouncesAChequebook(uint256[6] calldata amounts, bool[6] calldata typed)
        public
    {
        uint256 paid;
        for (uint256 i; i < amounts.length; i++) {
            uint256 amount = bound(amounts[i], 1, DEPOSIT);
            _add(_scheme(typed[i]), first, _payee(i), amount, true);
            if (paid + amount <= DEPOSIT) paid += amount;
        }

        _run();

        assertEq(first.killableAt(), 0);
        assertEq(address(first).balance, DEPOSIT - paid);
    }

    function test_OnlyIfCovered_ComparesWhatIsStillOwed() public {
        _cash(Scheme.Packed, first, payee, 9 ether);
        _add(Scheme.Packed, first, payee, 10 ether, true); // owed: the whole remaining balance
        _append(otherPayee, 1);

        _expectSkipped(first, otherPayee, 1, IClearingHouse.NotCovered.selector);
        assertEq(_run(), 1);

        assertEq(payee.balance, 10 ether);
        assertEq(first.killableAt(), 0);
    }

    function test_WithoutOnlyIfCovered_PaysWhatIsThere() public {
        _add(Scheme.Packed, first, payee, DEPOSIT + 1, false);

        assertEq(_run(), 1);

        assertEq(payee.balance, DEPOSIT);
    }

    /* HOSTILE */

    /// @dev Every cheque but the last uses as much gas as it can. With exactly the required gas, the last one is
    /// cashed.
    function test_NobodyCanLeaveTheOthersShortOfGas() public {
        for (uint256 i; i <= uint8(type(HostileChequebook.Manner).max); i++) {
            Chequebook hostile = Chequebook(payable(address(new HostileChequebook(HostileChequebook.Manner(i)))));
            _add(Scheme.Packed, hostile, _payee(i), 1, i % 2 == 0);
            _add(Scheme.Packed, hostile, _payee(i), 1, i % 2 == 1);
        }
        address[3] memory burners = [
            address(new GasBurner()),
            address(new ReturnBomber()),
            address(new HostileChequebook(HostileChequebook.Manner.BurnsNearlyAllGas))
        ];
        for (uint256 i; i < burners.length; i++) {
            _add(Scheme.Typed, first, payable(burners[i]), 1, false);
        }
        for (uint256 i; i < 30; i++) {
            _append(payable(burners[0]), 1 + i);
        }
        _add(Scheme.Typed, second, payee, 1 ether, true);

        vm.prank(stranger);
        house.cash{gas: _needed()}(batches, GAS_EACH);

        assertEq(payee.balance, 1 ether);
    }

    function test_ReportsAFailureWithoutAnError() public {
        HostileChequebook.Manner[2] memory silent =
            [HostileChequebook.Manner.BurnsAllGas, HostileChequebook.Manner.RevertsWithNothing];
        for (uint256 i; i < silent.length; i++) {
            Chequebook hostile = Chequebook(payable(address(new HostileChequebook(silent[i]))));
            _add(Scheme.Packed, hostile, payee, 1, i == 0);
            _expectSkipped(hostile, payee, 1, IClearingHouse.Failed.selector);
        }

        assertEq(_run(), 0);
    }

    /// @dev The error of the previous cheque must not be reported for this one.
    function test_ReportsAFailureWithoutAnError_AfterOneWith() public {
        Chequebook silent =
            Chequebook(payable(address(new HostileChequebook(HostileChequebook.Manner.RevertsWithNothing))));
        _add(Scheme.Packed, first, payee, 1, false);
        _append(payee, 1);
        _add(Scheme.Packed, silent, payee, 1, false);

        _expectSkipped(first, payee, 1, IChequebook.StaleCheque.selector);
        _expectSkipped(silent, payee, 1, IClearingHouse.Failed.selector);
        assertEq(_run(), 1);
    }

    function testFuzz_RevertWhen_GasIsNotEnoughForAll(uint256 gas) public {
        _add(Scheme.Packed, first, payee, 1 ether, false);
        _append(otherPayee, 1 ether);
        gas = bound(gas, 100_000, _needed() - 30_000);

        vm.expectPartialRevert(IClearingHouse.NotEnoughGas.selector);
        house.cash{gas: gas}(batches, GAS_EACH);

        assertEq(payee.balance, 0);
    }

    /* HELPERS */

    function _payee(uint256 index) private pure returns (address payable) {
        return payable(address(uint160(uint256(keccak256(abi.encode(index))))));
    }

    /// @dev The gas that the house requires, and the gas that the transaction uses before the house runs.
    function _needed() private view returns (uint256) {
        uint256 count;
        for (uint256 i; i < batches.length; i++) {
            count += batches[i].cheques.length;
        }
        return count * (GAS_EACH + 8000) + GAS_EACH / 63 + 25_000 + 16 * abi.encode(batches).length;
    }

    function _add(Scheme scheme, Chequebook chequebook, address payable beneficiary, uint256 amount, bool onlyIfCovered)
        private
    {
        IClearingHouse.Batch storage batch = batches.push();
        batch.chequebook = chequebook;
        batch.typed = scheme == Scheme.Typed;
        batch.onlyIfCovered = onlyIfCovered;
        _append(beneficiary, amount);
    }

    /// @dev Adds a cheque to the last batch.
    function _append(address payable beneficiary, uint256 amount) private {
        IClearingHouse.Batch storage batch = batches[batches.length - 1];
        Signature memory signature = _sign(_scheme(batch.typed), batch.chequebook, beneficiary, amount);
        batch.cheques.push(Cheques.compact(beneficiary, amount, signature));
    }

    function _run() private returns (uint256 cashed) {
        vm.prank(stranger);
        return house.cash(batches, GAS_EACH);
    }

    function _expectSkipped(Chequebook chequebook, address beneficiary, uint256 amount, bytes4 reason) private {
        vm.expectEmit(address(house));
        emit IClearingHouse.Skipped(address(chequebook), beneficiary, amount, reason);
    }
}

contract ClearingHouseDirectTest is ClearingHouseTest, DirectForm {}

contract ClearingHouseCloneTest is ClearingHouseTest, CloneForm {}
