// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {GasMeter} from "../mocks/Senders.sol";
import {StandardToken} from "../mocks/Tokens.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice Limits for the gas of whole transactions under osaka: the payee has some of the asset, a third party sends,
/// amounts have seven significant bytes, and a token is OpenZeppelin's ERC20. What they cost is published in gas/,
/// measured on anvil; a limit is at most half a percent above that, so that a change which makes a transaction dearer
/// fails here.
abstract contract GasTest is FormTest {
    struct Limits {
        uint256 create;
        uint256 deposit;
        uint256 firstCashPacked;
        uint256 repeatCashPacked;
        uint256 firstCashTyped;
        uint256 repeatCashTyped;
        uint256 overdraft;
        uint256 announceKill;
        uint256 cancelKill;
        uint256 kill;
        uint256 sweepOfTen;
        uint256 sweepOfHundred;
    }

    uint256 internal constant AMOUNT = 0x11223344556677;
    uint32 private constant GAS_EACH = 80_000;
    /// @dev What every transaction costs before any code runs.
    uint256 private constant INTRINSIC_GAS = 21_000;

    IChequebook internal chequebook;
    ClearingHouse private house = _newClearingHouse();

    function setUp() public virtual {
        Hardfork.set(Hardfork.OSAKA);
        chequebook = _create(owner.addr, signer.addr, NOTICE, 1 ether);
        vm.roll(vm.getBlockNumber() + 1);
        _give(payee, 1);
        _give(owner.addr, 1);
        _give(stranger, 1);
    }

    function _limits() internal pure virtual returns (Limits memory);

    /// @dev With a deposit, but for tokens: that is a transfer of its own, the first to this account.
    function test_Gas_Create() public {
        IChequebook created = _create(owner.addr, signer.addr, NOTICE, _isToken() ? 0 : AMOUNT);
        _assertGas(_limits().create);

        if (!_isToken()) return;
        _deposit(created, AMOUNT);
        _assertGas(51_500);
    }

    function test_Gas_Deposit() public {
        string[4] memory hardforks = [Hardfork.SHANGHAI, Hardfork.CANCUN, Hardfork.PRAGUE, Hardfork.OSAKA];
        for (uint256 i; i < hardforks.length; i++) {
            Hardfork.set(hardforks[i]);
            _deposit(chequebook, AMOUNT);
            _assertGas(_limits().deposit);
        }
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

    /// @dev To ask for no overdraft costs nothing.
    function test_Gas_CashIfCovered() public {
        _cashIfCovered(Scheme.Packed, chequebook, payee, AMOUNT);
        _assertGas(_limits().firstCashPacked);

        _cashIfCovered(Scheme.Typed, chequebook, payee, 2 * AMOUNT);
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

    /* SWEEP: a payee cashes a repeat cheque of each of many chequebooks, per cheque */

    function test_Gas_SweepOfTen() public {
        _assertSweep(10, _limits().sweepOfTen);
    }

    function test_Gas_SweepOfHundred() public {
        _assertSweep(100, _limits().sweepOfHundred);
    }

    function _assertSweep(uint256 count, uint256 limit) private {
        IChequebook[] memory chequebooks = new IChequebook[](count);
        for (uint256 i; i < count; i++) {
            chequebooks[i] = _create(owner.addr, signer.addr, NOTICE, 1 ether);
        }
        _sweep(chequebooks, AMOUNT);
        _sweep(chequebooks, 2 * AMOUNT);

        _assertGas(limit * count);
    }

    function _sweep(IChequebook[] memory chequebooks, uint256 amount) private {
        IClearingHouse.Cheque[] memory cheques = new IClearingHouse.Cheque[](chequebooks.length);
        for (uint256 i; i < cheques.length; i++) {
            cheques[i] = Cheques.compact(
                Scheme.Typed, chequebooks[i], payee, amount, _sign(Scheme.Typed, chequebooks[i], payee, amount)
            );
        }
        vm.prank(stranger);
        assertEq(house.cash(cheques, GAS_EACH), cheques.length);
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
            create: 578_500,
            deposit: 23_325,
            firstCashPacked: 60_300,
            repeatCashPacked: 43_100,
            firstCashTyped: 60_300,
            repeatCashTyped: 43_150,
            overdraft: 82_100,
            announceKill: 44_750,
            cancelKill: 22_580,
            kill: 32_900,
            sweepOfTen: 25_850,
            sweepOfHundred: 23_650
        });
    }

    /// @dev A receipt of a plain creation has, for the transaction, its creation code as calldata, and what CREATE and
    /// the code cost. Forge does not tell the gas of such a transaction as a receipt does, so it is put together here.
    function test_Gas_Create_IsAtMost2500AboveAPlainCreation() public {
        bytes memory code =
            bytes.concat(vm.getCode("Chequebook.sol:Chequebook"), abi.encode(owner.addr, signer.addr, NOTICE));
        uint256 plain = 21_000 + new GasMeter().create(code);
        for (uint256 i; i < code.length; i++) {
            plain += code[i] == 0 ? 4 : 16;
        }

        _create(owner.addr, signer.addr, NOTICE, 0);
        _assertGas(plain + 2500);
    }
}

contract GasCloneTest is GasTest, CloneForm {
    function _limits() internal pure override returns (Limits memory) {
        return Limits({
            create: 98_800,
            deposit: 25_990,
            firstCashPacked: 63_250,
            repeatCashPacked: 46_050,
            firstCashTyped: 63_250,
            repeatCashTyped: 46_050,
            overdraft: 90_450,
            announceKill: 47_800,
            cancelKill: 25_420,
            kill: 41_250,
            sweepOfTen: 26_450,
            sweepOfHundred: 24_000
        });
    }
}

contract GasTokenTest is GasTest, TokenForm {
    function setUp() public override {
        token = StandardToken(deployCode("Tokens.sol:StandardToken"));
        super.setUp();
    }

    function _limits() internal pure override returns (Limits memory) {
        return Limits({
            create: 105_500,
            deposit: 34_300,
            firstCashPacked: 70_500,
            repeatCashPacked: 53_350,
            firstCashTyped: 70_500,
            repeatCashTyped: 53_350,
            overdraft: 94_700,
            announceKill: 47_800,
            cancelKill: 25_420,
            kill: 48_050,
            sweepOfTen: 29_350,
            sweepOfHundred: 26_450
        });
    }
}
