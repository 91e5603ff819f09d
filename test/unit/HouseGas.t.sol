// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {BaseTest} from "../Base.t.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {HostileChequebook, Meter} from "../mocks/Hostile.sol";
import {LimitedCaller} from "../mocks/Senders.sol";
import {StandardToken} from "../mocks/Tokens.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";

/// @notice Calls the clearing house with exactly the least gas that it takes.
abstract contract LeastGasTest is BaseTest {
    ClearingHouse internal house = _newClearingHouse();
    LimitedCaller private caller = new LimitedCaller();

    function _cashWithLeastGas(IClearingHouse.Cheque[] memory cheques, uint32 gasEach)
        internal
        returns (uint256 cashed)
    {
        bytes memory call = abi.encodeCall(house.cash, (cheques, gasEach));
        uint256 least = _leastGas(call, cheques.length, gasEach);
        assertGt(_missing(call, least - 1), 0);

        (bool success, bytes memory answer) = caller.run(address(house), least, call);

        assertTrue(success, "the least gas is enough for the house");
        return abi.decode(answer, (uint256));
    }

    /// @dev By its error the house tells what is missing.
    function _leastGas(bytes memory call, uint256 count, uint256 gasEach) private returns (uint256) {
        uint256 tooLittle = count * (gasEach + 8000);
        return tooLittle + _missing(call, tooLittle);
    }

    function _missing(bytes memory call, uint256 gas) private returns (uint256) {
        (bool success, bytes memory answer) = caller.run(address(house), gas, call);
        assertFalse(success);
        (uint256 available, uint256 needed) = this.readNotEnoughGas(answer);
        assertEq(answer, abi.encodeWithSelector(IClearingHouse.NotEnoughGas.selector, available, needed));
        return needed - available;
    }

    function readNotEnoughGas(bytes calldata answer) external pure returns (uint256, uint256) {
        return abi.decode(answer[4:], (uint256, uint256));
    }
}

/// @notice Nobody can leave the others short of gas.
contract GasOfTheHouseTest is LeastGasTest {
    Meter private meter = new Meter();

    /// @dev All before use as much gas as they can, in each manner; the last one gets all of its gas. With so many that
    /// the slack of the last one hides nothing.
    function test_TheLastOfMany_GetsItsGas_WhateverTheOthersDo() public {
        for (uint256 i; i <= uint8(type(HostileChequebook.Manner).max); i++) {
            _assertLastGetsItsGas(HostileChequebook.Manner(i), 250, 30_000);
        }
    }

    function test_TheLastOfAFew_GetsItsGas_WhateverTheOthersDo() public {
        for (uint256 i; i <= uint8(type(HostileChequebook.Manner).max); i++) {
            _assertLastGetsItsGas(HostileChequebook.Manner(i), 0, 1_000_000);
            _assertLastGetsItsGas(HostileChequebook.Manner(i), 1, 60_000);
            _assertLastGetsItsGas(HostileChequebook.Manner(i), 10, 60_000);
        }
    }

    function testFuzz_TheLast_GetsItsGas(uint8 others, uint32 gasEach) public {
        gasEach = uint32(bound(gasEach, 25_000, 1_000_000));
        _assertLastGetsItsGas(HostileChequebook.Manner.BurnsAllGas, others % 16, gasEach);
    }

    /// @dev What each cheque may use, 8,000 of the house for each, and what the last call must leave behind.
    function testFuzz_RevertWhen_GasIsNotEnough_NamesBoth(uint32 gasEach, uint8 count) public {
        gasEach = uint32(bound(gasEach, 100_000, 1_000_000));
        count = uint8(bound(count, 1, 50));
        uint256 needed = uint256(count) * (uint256(gasEach) + 8000) + gasEach / 63;
        bytes memory call = abi.encodeCall(house.cash, (new IClearingHouse.Cheque[](count), gasEach));

        uint256 given = needed / 2;
        (bool success, bytes memory answer) = new LimitedCaller().run(address(house), given, call);

        assertFalse(success);
        (uint256 available, uint256 asked) = this.readNotEnoughGas(answer);
        assertEq(asked, needed);
        assertLt(available, given);
        assertGt(available, given - 1000, "it asks before it cashes");
    }

    /// @dev Each hostile chequebook is an account of its own, which the house meets for the first time.
    function _assertLastGetsItsGas(HostileChequebook.Manner manner, uint256 others, uint32 gasEach) private {
        IClearingHouse.Cheque[] memory cheques = new IClearingHouse.Cheque[](others + 1);
        bytes memory code = address(new HostileChequebook(manner)).code;
        for (uint256 i; i < others; i++) {
            address hostile = address(uint160(uint256(keccak256(abi.encode(manner, i)))));
            vm.etch(hostile, code);
            cheques[i] = IClearingHouse.Cheque(IChequebook(payable(hostile)), payee, i, i % 2 == 0, 0, 0);
        }
        cheques[others] = IClearingHouse.Cheque(IChequebook(payable(address(meter))), payee, 1, true, 0, 0);

        assertGt(_cashWithLeastGas(cheques, gasEach), 0);

        assertGt(meter.got(), gasEach - 100, "what the last one got");
        assertLe(meter.got(), gasEach);
    }
}

/// @notice The numbers that the interface tells for `gasEach` are enough, with exactly the least gas of a transaction.
abstract contract GasEachTest is LeastGasTest, FormTest {
    IChequebook private chequebook;

    function setUp() public virtual {
        chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    /// @dev As the interface tells it: the first cash of a beneficiary, and what comes on top if it is new.
    function _needs() internal pure virtual returns (uint32 first, uint32 more);

    function test_IsEnough_ForAFirstCash() public {
        (uint32 first,) = _needs();
        _give(payee, 1);

        _assertEnough(Scheme.Packed, first);
        _assertEnough(Scheme.Typed, first);
    }

    function test_IsEnough_ForAFirstCashOfANewBeneficiary() public {
        (uint32 first, uint32 more) = _needs();

        _assertEnough(Scheme.Packed, first + more);
        _assertEnough(Scheme.Typed, first + more);
    }

    function test_IsEnough_ForARepeatedCash() public {
        (uint32 first,) = _needs();
        _cash(Scheme.Packed, chequebook, payee, 1);

        _assertEnough(Scheme.Packed, first - 17_000);
        _assertEnough(Scheme.Typed, first - 17_000);
    }

    /// @dev The numbers are no idle ones: a tenth less is not enough.
    function test_ATenthLess_IsNotEnough() public {
        (uint32 first, uint32 more) = _needs();
        assertEq(_try(Scheme.Packed, (first + more) * 9 / 10), 0);
        assertEq(_try(Scheme.Typed, (first + more) * 9 / 10), 0);

        _give(payee, 1);
        assertEq(_try(Scheme.Packed, first * 9 / 10), 0);
        assertEq(_try(Scheme.Typed, first * 9 / 10), 0);
    }

    function _assertEnough(Scheme scheme, uint32 gasEach) private {
        uint256 snapshot = vm.snapshotState();
        assertEq(_try(scheme, gasEach), 1);
        assertTrue(vm.revertToState(snapshot));
    }

    function _try(Scheme scheme, uint32 gasEach) private returns (uint256 cashed) {
        IClearingHouse.Cheque[] memory cheques = new IClearingHouse.Cheque[](1);
        cheques[0] = Cheques.compact(scheme, chequebook, payee, 1 ether, _sign(scheme, chequebook, payee, 1 ether));
        return _cashWithLeastGas(cheques, gasEach);
    }
}

contract GasEachDirectTest is GasEachTest, DirectForm {
    function _needs() internal pure override returns (uint32, uint32) {
        return (40_000, 25_500);
    }
}

contract GasEachCloneTest is GasEachTest, CloneForm {
    function _needs() internal pure override returns (uint32, uint32) {
        return (43_500, 25_500);
    }
}

contract GasEachTokenTest is GasEachTest, TokenForm {
    function setUp() public override {
        token = StandardToken(deployCode("Tokens.sol:StandardToken"));
        super.setUp();
    }

    function _needs() internal pure override returns (uint32, uint32) {
        return (48_500, 18_000);
    }
}
