// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {GasBurner, Refuser, ReturnBomber} from "../mocks/Payees.sol";
import {Cheques, Signature} from "../utils/Cheques.sol";

/// @notice Cheques pay the same through the clearing house as one after the other by the covered entries.
abstract contract ClearingHouseFuzzTest is FormTest {
    uint256 private constant MAX_CHEQUES = 12;
    uint32 private constant GAS_EACH = 300_000;

    struct Input {
        uint8 chequebook;
        uint8 payee;
        uint64 amount;
        bool typed;
        bool forged;
    }

    ClearingHouse private house = _newClearingHouse();
    IChequebook[2] private chequebooks;
    address payable[5] private payees = [
        payee,
        otherPayee,
        payable(address(new Refuser())),
        payable(address(new GasBurner())),
        payable(address(new ReturnBomber()))
    ];

    function setUp() public {
        chequebooks = [_createInEarlierBlock(NOTICE, DEPOSIT), _createInEarlierBlock(0, DEPOSIT / 2)];
    }

    function testFuzz_PaysWhatSingleCashesPay(Input[] calldata inputs) public {
        uint256 count = inputs.length < MAX_CHEQUES ? inputs.length : MAX_CHEQUES;
        uint256 snapshot = vm.snapshotState();
        uint256 paid = 0;
        for (uint256 i; i < count; i++) {
            if (_single(inputs[i])) paid++;
        }
        bytes32 expected = this.state();
        assertTrue(vm.revertToState(snapshot));

        vm.prank(stranger);
        uint256 cashed = house.cash(_cheques(inputs), GAS_EACH);

        assertEq(this.state(), expected);
        assertEq(cashed, paid);
    }

    /// @dev Whatever is sent, signed or not, in any order: no chequebook is overdrawn.
    function testFuzz_EndsNoChequebook(Input[] calldata inputs, IClearingHouse.Cheque[] memory junk, uint32 gasEach)
        public
    {
        gasEach = uint32(bound(gasEach, 0, GAS_EACH));
        if (junk.length > MAX_CHEQUES) {
            assembly {
                mstore(junk, 12)
            }
        }
        for (uint256 i; i < junk.length; i++) {
            junk[i].chequebook = chequebooks[i % chequebooks.length];
        }

        vm.startPrank(stranger);
        house.cash(_cheques(inputs), gasEach);
        house.cash(junk, gasEach);

        assertEq(chequebooks[0].killableAt(), 0);
        assertEq(chequebooks[1].killableAt(), 0);
        assertEq(_balance(address(chequebooks[0])) + _balance(address(chequebooks[1])) + _paid(), DEPOSIT + DEPOSIT / 2);
    }

    function _paid() private view returns (uint256 paid) {
        for (uint256 i; i < payees.length; i++) {
            paid += _balance(payees[i]);
        }
    }

    function _single(Input calldata input) private returns (bool success) {
        (IChequebook chequebook, address payable to, uint256 amount, Signature memory signature) = _read(input);
        vm.prank(stranger);
        (success,) =
            address(chequebook).call{gas: GAS_EACH}(Cheques.coveredCall(_scheme(input.typed), to, amount, signature));
    }

    function _cheques(Input[] calldata inputs) private view returns (IClearingHouse.Cheque[] memory cheques) {
        cheques = new IClearingHouse.Cheque[](inputs.length < MAX_CHEQUES ? inputs.length : MAX_CHEQUES);
        for (uint256 i; i < cheques.length; i++) {
            (IChequebook chequebook, address payable to, uint256 amount, Signature memory signature) = _read(inputs[i]);
            cheques[i] = Cheques.compact(_scheme(inputs[i].typed), chequebook, to, amount, signature);
        }
    }

    /// @dev The amounts range from zero to more than the deposit.
    function _read(Input calldata input)
        private
        view
        returns (IChequebook chequebook, address payable to, uint256 amount, Signature memory signature)
    {
        chequebook = chequebooks[input.chequebook % chequebooks.length];
        to = payees[input.payee % payees.length];
        amount = uint256(input.amount) * (DEPOSIT + DEPOSIT / 4) / type(uint64).max;
        uint256 key = input.forged ? owner.key : signer.key;
        signature = Cheques.sign(_scheme(input.typed), key, address(chequebook), to, amount);
    }

    /// @dev A hash of all balances and of all that was sent. One external call: each one is a transaction of its own, and
    /// takes longer than the calls within.
    function state() external view returns (bytes32 hash) {
        for (uint256 i; i < chequebooks.length; i++) {
            hash = keccak256(abi.encode(hash, _balance(address(chequebooks[i])), chequebooks[i].killableAt()));
            for (uint256 j; j < payees.length; j++) {
                hash = keccak256(abi.encode(hash, chequebooks[i].sent(payees[j]), _balance(payees[j])));
            }
        }
    }
}

contract ClearingHouseDirectFuzzTest is ClearingHouseFuzzTest, DirectForm {}

contract ClearingHouseCloneFuzzTest is ClearingHouseFuzzTest, CloneForm {}

contract ClearingHouseTokenFuzzTest is ClearingHouseFuzzTest, TokenForm {}
