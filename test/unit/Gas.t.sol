// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice Limits for the gas of whole transactions under osaka: the payee's account exists, a third party sends, and
/// amounts have seven significant bytes. What they cost is published in gas/, measured on anvil; a limit is at most
/// half a percent above that, so that a change which makes a transaction dearer fails here. The creation of a direct
/// chequebook is measured on anvil only: forge reports more gas for it than a receipt does.
abstract contract GasTest is FormTest {
    struct Limits {
        uint256 deposit;
        uint256 firstCashPacked;
        uint256 repeatCashPacked;
        uint256 firstCashTyped;
        uint256 repeatCashTyped;
        uint256 overdraft;
        uint256 announceKill;
        uint256 cancelKill;
        uint256 kill;
        uint256 tenCheques;
        uint256 tenChequesOnlyIfCovered;
    }

    uint256 internal constant AMOUNT = 0x11223344556677;
    uint32 private constant GAS_EACH = 80_000;
    /// @dev What every transaction costs before any code runs.
    uint256 private constant INTRINSIC_GAS = 21_000;

    IChequebook private chequebook;
    ClearingHouse private house = _newClearingHouse();

    function setUp() public {
        Hardfork.set(Hardfork.OSAKA);
        vm.deal(address(this), 100 ether);
        chequebook = _create(owner.addr, signer.addr, NOTICE, 1 ether);
        vm.roll(vm.getBlockNumber() + 1);
        vm.deal(payee, 1);
        vm.deal(owner.addr, 1);
        vm.deal(stranger, 1 ether);
    }

    function _limits() internal pure virtual returns (Limits memory);

    function test_Gas_Deposit() public {
        _deposit(chequebook, AMOUNT);
        _assertGas(_limits().deposit);
    }

    function test_Gas_CashPacked() public {
        _cash(Scheme.Packed, chequebook, payee, AMOUNT);
        _assertGas(_limits().firstCashPacked);

        _cash(Scheme.Packed, chequebook, payee, 2 * AMOUNT);
        _assertGas(_limits().repeatCashPacked);
    }

    function test_Gas_CashTyped() public {
        _cash(Scheme.Typed, chequebook, payee, AMOUNT);
        _assertGas(_limits().firstCashTyped);

        _cash(Scheme.Typed, chequebook, payee, 2 * AMOUNT);
        _assertGas(_limits().repeatCashTyped);
    }

    function test_Gas_Overdraft() public {
        _cash(Scheme.Packed, chequebook, payee, 2 ether);
        _assertGas(_limits().overdraft);
    }

    function test_Gas_EndOfLife() public {
        _announceKill(chequebook);
        _assertGas(_limits().announceKill);

        _cancelKill(chequebook);
        _assertGas(_limits().cancelKill);

        _announceKill(chequebook);
        skip(NOTICE);
        _kill(chequebook);
        _assertGas(_limits().kill);
    }

    /* TEN REPEAT CHEQUES ON ONE CHEQUEBOOK */

    function test_Gas_TenCheques() public {
        _cashTen(AMOUNT, false);
        _cashTen(2 * AMOUNT, false);
        _assertGas(_limits().tenCheques);
    }

    function test_Gas_TenChequesOnlyIfCovered() public {
        _cashTen(AMOUNT, true);
        _cashTen(2 * AMOUNT, true);
        _assertGas(_limits().tenChequesOnlyIfCovered);
    }

    function _cashTen(uint256 amount, bool onlyIfCovered) private {
        IClearingHouse.Batch[] memory batches = new IClearingHouse.Batch[](1);
        batches[0] = IClearingHouse.Batch(chequebook, false, onlyIfCovered, new IClearingHouse.Cheque[](10));
        for (uint256 i; i < 10; i++) {
            address payable beneficiary = payable(address(uint160(uint256(keccak256(abi.encode(i))))));
            vm.deal(beneficiary, beneficiary.balance + 1);
            batches[0].cheques[i] =
                Cheques.compact(beneficiary, amount, _sign(Scheme.Packed, chequebook, beneficiary, amount));
        }
        vm.prank(stranger);
        assertEq(house.cash(batches, GAS_EACH), 10);
    }

    /* HELPERS */

    /// @dev The gas of the last transaction.
    function _assertGas(uint256 limit) internal view {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        assertGt(gas, INTRINSIC_GAS, "a transaction, not only a call");
        assertLe(gas, limit);
    }
}

contract GasDirectTest is GasTest, DirectForm {
    function _limits() internal pure override returns (Limits memory) {
        return Limits({
            deposit: 23_300,
            firstCashPacked: 60_200,
            repeatCashPacked: 43_000,
            firstCashTyped: 60_700,
            repeatCashTyped: 43_500,
            overdraft: 81_800,
            announceKill: 44_700,
            cancelKill: 22_550,
            kill: 32_850,
            tenCheques: 255_000,
            tenChequesOnlyIfCovered: 268_000
        });
    }
}

contract GasCloneTest is GasTest, CloneForm {
    uint256 private constant CREATE_LIMIT = 99_900;

    function _limits() internal pure override returns (Limits memory) {
        return Limits({
            deposit: 25_950,
            firstCashPacked: 63_600,
            repeatCashPacked: 46_500,
            firstCashTyped: 64_000,
            repeatCashTyped: 46_900,
            overdraft: 91_200,
            announceKill: 48_700,
            cancelKill: 25_900,
            kill: 42_200,
            tenCheques: 266_500,
            tenChequesOnlyIfCovered: 281_000
        });
    }

    function test_Gas_Create() public {
        _create(owner.addr, signer.addr, NOTICE, AMOUNT);
        _assertGas(CREATE_LIMIT);
    }
}
