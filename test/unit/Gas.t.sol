// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice The gas of whole transactions, as a receipt shows it: the payee's account exists, a third party sends, and
/// amounts have seven significant bytes. Measured under osaka; `make gas` writes the snapshot, `make test` checks it.
contract GasTest is BaseTest {
    string private constant GROUP = "Chequebook";
    uint256 private constant AMOUNT = 0x11223344556677;

    uint256 private constant MAX_DEPOSIT_GAS = 23_400;
    uint256 private constant MAX_FIRST_CASH_GAS = 60_200;
    uint256 private constant MAX_REPEAT_CASH_GAS = 43_000;

    Chequebook private chequebook;

    function setUp() public {
        Hardfork.set(Hardfork.OSAKA);
        chequebook = _open(NOTICE, 1 ether);
        vm.deal(payee, 1);
        vm.deal(owner.addr, 1);
        vm.deal(stranger, 1 ether);
    }

    function test_Gas_Deploy() public {
        new Chequebook(owner.addr, signer.addr, NOTICE);
        vm.snapshotGasLastCall(GROUP, "deploy");
    }

    function test_Gas_Deposit() public {
        _deposit(chequebook, AMOUNT);
        assertLt(vm.snapshotGasLastCall(GROUP, "deposit"), MAX_DEPOSIT_GAS);
    }

    function test_Gas_CashPacked() public {
        _cash(Scheme.Packed, chequebook, payee, AMOUNT);
        assertLe(vm.snapshotGasLastCall(GROUP, "cash packed, first"), MAX_FIRST_CASH_GAS);

        _cash(Scheme.Packed, chequebook, payee, 2 * AMOUNT);
        assertLe(vm.snapshotGasLastCall(GROUP, "cash packed, repeat"), MAX_REPEAT_CASH_GAS);
    }

    function test_Gas_CashTyped() public {
        _cash(Scheme.Typed, chequebook, payee, AMOUNT);
        vm.snapshotGasLastCall(GROUP, "cash typed, first");

        _cash(Scheme.Typed, chequebook, payee, 2 * AMOUNT);
        vm.snapshotGasLastCall(GROUP, "cash typed, repeat");
    }

    function test_Gas_Overdraft() public {
        _cash(Scheme.Packed, chequebook, payee, 2 ether);
        vm.snapshotGasLastCall(GROUP, "overdraft");
    }

    function test_Gas_EndOfLife() public {
        _announceKill(chequebook);
        vm.snapshotGasLastCall(GROUP, "announceKill");

        _cancelKill(chequebook);
        vm.snapshotGasLastCall(GROUP, "cancelKill");

        _announceKill(chequebook);
        skip(NOTICE);
        _kill(chequebook);
        vm.snapshotGasLastCall(GROUP, "kill");
    }
}
