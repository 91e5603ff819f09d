// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IChequebook} from "./interfaces/IChequebook.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";

/// @title ClearingHouse
/// @notice Cashes many cheques in one transaction.
contract ClearingHouse is IClearingHouse {
    /// @dev What the clearing house itself needs for a cheque, apart from `gasEach`: a batch of its own, a chequebook
    /// not touched before, and an event, at most.
    uint256 private constant OWN_GAS = 8000;

    /// @inheritdoc IClearingHouse
    function cash(Batch[] calldata batches, uint32 gasEach) external returns (uint256 cashed) {
        _requireGas(_count(batches), gasEach);

        for (uint256 i = 0; i < batches.length; ++i) {
            IChequebook chequebook = batches[i].chequebook;
            bool exists = address(chequebook).code.length != 0;
            bytes4 entry = batches[i].typed ? IChequebook.cashTyped.selector : IChequebook.cash.selector;
            bool onlyIfCovered = batches[i].onlyIfCovered;
            Cheque[] calldata cheques = batches[i].cheques;

            for (uint256 j = 0; j < cheques.length; ++j) {
                Cheque calldata cheque = cheques[j];
                bytes4 reason =
                    exists ? _cash(chequebook, entry, onlyIfCovered, cheque, gasEach) : NoChequebook.selector;

                if (reason == 0) ++cashed;
                else _skip(chequebook, cheque, reason);
            }
        }
    }

    function _count(Batch[] calldata batches) private pure returns (uint256 count) {
        for (uint256 i = 0; i < batches.length; ++i) {
            count += batches[i].cheques.length;
        }
    }

    /// @dev A call gets at most 63/64 of the gas that is left, hence the last term: even the last cheque can use all.
    function _requireGas(uint256 count, uint256 gasEach) private view {
        uint256 needed = count * (gasEach + OWN_GAS) + gasEach / 63;
        uint256 available = gasleft();
        if (available < needed) revert NotEnoughGas(available, needed);
    }

    function _skip(IChequebook chequebook, Cheque calldata cheque, bytes4 reason) private {
        emit Skipped({
            chequebook: address(chequebook), beneficiary: cheque.beneficiary, amount: cheque.amount, reason: reason
        });
    }

    /// @dev Cashes one cheque, with no more than `gasEach`. Answers zero, or why it was not cashed.
    function _cash(IChequebook chequebook, bytes4 entry, bool onlyIfCovered, Cheque calldata cheque, uint256 gasEach)
        private
        returns (bytes4)
    {
        uint256 until = gasleft() - gasEach;

        if (onlyIfCovered) {
            bytes memory question = abi.encodeCall(IChequebook.sent, (cheque.beneficiary));
            (bool answered, uint256 sent) = _call(chequebook, Math.saturatingSub(gasleft(), until), question);
            if (!answered) return Failed.selector;
            if (cheque.amount > sent && cheque.amount - sent > address(chequebook).balance) {
                return NotCovered.selector;
            }
        }

        uint256 v = 27 + (uint256(cheque.vs) >> 255);
        bytes32 s = cheque.vs << 1 >> 1;
        bytes memory order = abi.encodeWithSelector(entry, cheque.beneficiary, cheque.amount, v, cheque.r, s);
        (bool cashed, uint256 thrown) = _call(chequebook, Math.saturatingSub(gasleft(), until), order);
        if (cashed) return 0;

        bytes4 reason = bytes4(bytes32(thrown));
        return reason == 0 ? Failed.selector : reason;
    }

    /// @dev Assembly, because Solidity copies all that a call returns: a hostile chequebook could make that so much
    /// that no gas is left for the others. This takes the first word, zero where there is none.
    function _call(IChequebook chequebook, uint256 gasLimit, bytes memory data)
        private
        returns (bool success, uint256 word)
    {
        assembly ("memory-safe") {
            mstore(0, 0)
            success := call(gasLimit, chequebook, 0, add(data, 32), mload(data), 0, 32)
            word := mload(0)
        }
    }
}
