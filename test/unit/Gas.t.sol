// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {BaseTest} from "../Base.t.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice The gas of whole transactions, as a receipt shows it: the payee's account exists, a third party sends, and
/// amounts have seven significant bytes. Measured under osaka; `make gas` writes the snapshot, `make test` checks it.
/// Direct deployment is measured on anvil (`make gas-report`): of a creation, forge's snapshot says more than a receipt.
contract GasTest is BaseTest {
    string private constant DIRECT = "Chequebook";
    string private constant CLONE = "ChequebookClone";
    string private constant HOUSE = "ClearingHouse";
    uint256 private constant AMOUNT = 0x11223344556677;
    uint32 private constant GAS_EACH = 80_000;

    uint256 private constant MAX_DEPOSIT_GAS = 23_400;
    uint256 private constant MAX_FIRST_CASH_GAS = 60_200;
    uint256 private constant MAX_REPEAT_CASH_GAS = 43_000;
    uint256 private constant MAX_OPEN_GAS = 115_000;

    Chequebook private direct;
    Chequebook private clone;
    ClearingHouse private house = new ClearingHouse();

    function setUp() public {
        Hardfork.set(Hardfork.OSAKA);
        vm.deal(address(this), 100 ether);
        direct = new Chequebook{value: 1 ether}(owner.addr, signer.addr, NOTICE);
        clone = _clone(owner.addr, signer.addr, NOTICE, 1 ether);
        vm.roll(vm.getBlockNumber() + 1);
        vm.deal(payee, 1);
        vm.deal(owner.addr, 1);
        vm.deal(stranger, 1 ether);
    }

    function test_Gas_Open() public {
        factory.create{value: AMOUNT}(owner.addr, signer.addr, NOTICE, bytes32(uint256(1)));
        assertLe(vm.snapshotGasLastCall(CLONE, "open with deposit"), MAX_OPEN_GAS);
    }

    function test_Gas_Deposit() public {
        _deposit(direct, AMOUNT);
        assertLt(vm.snapshotGasLastCall(DIRECT, "deposit"), MAX_DEPOSIT_GAS);

        _deposit(clone, AMOUNT);
        vm.snapshotGasLastCall(CLONE, "deposit");
    }

    function test_Gas_CashPacked() public {
        _cash(Scheme.Packed, direct, payee, AMOUNT);
        assertLe(vm.snapshotGasLastCall(DIRECT, "cash packed, first"), MAX_FIRST_CASH_GAS);

        _cash(Scheme.Packed, direct, payee, 2 * AMOUNT);
        assertLe(vm.snapshotGasLastCall(DIRECT, "cash packed, repeat"), MAX_REPEAT_CASH_GAS);

        _cash(Scheme.Packed, clone, payee, AMOUNT);
        vm.snapshotGasLastCall(CLONE, "cash packed, first");

        _cash(Scheme.Packed, clone, payee, 2 * AMOUNT);
        vm.snapshotGasLastCall(CLONE, "cash packed, repeat");
    }

    function test_Gas_CashTyped() public {
        _cash(Scheme.Typed, direct, payee, AMOUNT);
        vm.snapshotGasLastCall(DIRECT, "cash typed, first");

        _cash(Scheme.Typed, direct, payee, 2 * AMOUNT);
        vm.snapshotGasLastCall(DIRECT, "cash typed, repeat");

        _cash(Scheme.Typed, clone, payee, AMOUNT);
        vm.snapshotGasLastCall(CLONE, "cash typed, first");

        _cash(Scheme.Typed, clone, payee, 2 * AMOUNT);
        vm.snapshotGasLastCall(CLONE, "cash typed, repeat");
    }

    function test_Gas_Overdraft() public {
        _cash(Scheme.Packed, direct, payee, 2 ether);
        vm.snapshotGasLastCall(DIRECT, "overdraft");

        _cash(Scheme.Packed, clone, payee, 2 ether);
        vm.snapshotGasLastCall(CLONE, "overdraft");
    }

    function test_Gas_EndOfLife() public {
        _endOfLife(direct, DIRECT);
        _endOfLife(clone, CLONE);
    }

    function _endOfLife(Chequebook chequebook, string memory group) private {
        _announceKill(chequebook);
        vm.snapshotGasLastCall(group, "announceKill");

        _cancelKill(chequebook);
        vm.snapshotGasLastCall(group, "cancelKill");

        _announceKill(chequebook);
        skip(NOTICE);
        _kill(chequebook);
        vm.snapshotGasLastCall(group, "kill");
    }

    /* TEN REPEAT CHEQUES ON ONE CHEQUEBOOK */

    function test_Gas_TenCheques() public {
        _ten(direct, false);
        vm.snapshotGasLastCall(HOUSE, "ten repeat cheques");
    }

    function test_Gas_TenChequesOnlyIfCovered() public {
        _ten(direct, true);
        vm.snapshotGasLastCall(HOUSE, "ten repeat cheques, only if covered");
    }

    function test_Gas_TenChequesOfAClone() public {
        _ten(clone, false);
        vm.snapshotGasLastCall(HOUSE, "ten repeat cheques of a clone");
    }

    function _ten(Chequebook chequebook, bool onlyIfCovered) private {
        for (uint256 times = 1; times <= 2; times++) {
            IClearingHouse.Batch[] memory batches = new IClearingHouse.Batch[](1);
            batches[0] = IClearingHouse.Batch(chequebook, false, onlyIfCovered, new IClearingHouse.Cheque[](10));
            for (uint256 i; i < 10; i++) {
                address payable beneficiary = payable(address(uint160(uint256(keccak256(abi.encode(i))))));
                uint256 amount = times * AMOUNT;
                vm.deal(beneficiary, beneficiary.balance + 1);
                batches[0].cheques[i] =
                    Cheques.compact(beneficiary, amount, _sign(Scheme.Packed, chequebook, beneficiary, amount));
            }
            vm.prank(stranger);
            house.cash(batches, GAS_EACH);
        }
    }
}
