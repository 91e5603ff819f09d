// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../contracts/ClearingHouse.sol";
import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../contracts/interfaces/IClearingHouse.sol";
import {CloneForm, DirectForm, FormTest} from "../Forms.t.sol";
import {GasBurner, Refuser} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice Cheques pay the same through the clearing house as one after the other.
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
    address payable[4] private payees =
        [payee, otherPayee, payable(address(new Refuser())), payable(address(new GasBurner()))];

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

        IClearingHouse.Batch[] memory batches = new IClearingHouse.Batch[](count);
        for (uint256 i; i < count; i++) {
            batches[i] = _batch(inputs[i]);
        }
        vm.prank(stranger);
        uint256 cashed = house.cash(batches, GAS_EACH);

        assertEq(this.state(), expected);
        assertEq(cashed, paid);
    }

    /// @dev With `onlyIfCovered` for all cheques, in any order, no chequebook dies.
    function testFuzz_OnlyIfCovered_EndsNoChequebook(Input[] calldata inputs) public {
        uint256 count = inputs.length < MAX_CHEQUES ? inputs.length : MAX_CHEQUES;
        IClearingHouse.Batch[] memory batches = new IClearingHouse.Batch[](count);
        for (uint256 i; i < count; i++) {
            batches[i] = _batch(inputs[i]);
            batches[i].onlyIfCovered = true;
        }

        house.cash(batches, GAS_EACH);

        assertEq(chequebooks[0].killableAt(), 0);
        assertEq(chequebooks[1].killableAt(), 0);
    }

    function _single(Input calldata input) private returns (bool success) {
        (IChequebook chequebook, address payable to, uint256 amount, Signature memory signature) = _read(input);
        if (_codeSize(address(chequebook)) == 0) return false; // a call would "succeed"

        vm.prank(stranger);
        (success,) =
            address(chequebook).call{gas: GAS_EACH}(Cheques.cashCall(_scheme(input.typed), to, amount, signature));
    }

    function _batch(Input calldata input) private view returns (IClearingHouse.Batch memory batch) {
        (IChequebook chequebook, address payable to, uint256 amount, Signature memory signature) = _read(input);
        batch = IClearingHouse.Batch(chequebook, input.typed, false, new IClearingHouse.Cheque[](1));
        batch.cheques[0] = Cheques.compact(to, amount, signature);
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
            bool erased = address(chequebooks[i]).code.length == 0;
            hash = keccak256(abi.encode(hash, address(chequebooks[i]).balance));
            for (uint256 j; j < payees.length; j++) {
                uint256 sent = erased ? 0 : chequebooks[i].sent(payees[j]);
                hash = keccak256(abi.encode(hash, sent, payees[j].balance));
            }
        }
    }
}

contract ClearingHouseDirectFuzzTest is ClearingHouseFuzzTest, DirectForm {}

contract ClearingHouseCloneFuzzTest is ClearingHouseFuzzTest, CloneForm {}
