// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IChequebook} from "./interfaces/IChequebook.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";

/// @title ClearingHouse
/// @notice Cashes many cheques in one transaction.
contract ClearingHouse is IClearingHouse {
    /// @dev An upper bound of the gas that the clearing house itself needs for a cheque, apart from `gasEach`: a batch
    /// with only this cheque, the first access to its chequebook, and an event.
    uint256 private constant OWN_GAS = 8000;

    /// @dev The values that all cheques of a batch share.
    struct Order {
        address chequebook;
        bytes4 entry;
        bool onlyIfCovered;
        uint256 gasEach;
    }

    /// @inheritdoc IClearingHouse
    function cash(Batch[] calldata batches, uint32 gasEach) external returns (uint256 cashed) {
        _requireGas(_count(batches), gasEach);

        for (uint256 i = 0; i < batches.length; ++i) {
            cashed += _cashBatch(batches[i], gasEach);
        }
    }

    function _count(Batch[] calldata batches) private pure returns (uint256 count) {
        for (uint256 i = 0; i < batches.length; ++i) {
            count += batches[i].cheques.length;
        }
    }

    /// @dev A call gets at most 63/64 of the remaining gas. With the last term even the last cheque gets all of
    /// `gasEach`.
    function _requireGas(uint256 count, uint256 gasEach) private view {
        uint256 needed = count * (gasEach + OWN_GAS) + gasEach / 63;
        uint256 available = gasleft();
        if (available < needed) revert NotEnoughGas(available, needed);
    }

    function _cashBatch(Batch calldata batch, uint256 gasEach) private returns (uint256 cashed) {
        Order memory order = Order({
            chequebook: address(batch.chequebook),
            entry: batch.typed ? IChequebook.cashTyped.selector : IChequebook.cash.selector,
            onlyIfCovered: batch.onlyIfCovered,
            gasEach: gasEach
        });
        bool exists = order.chequebook.code.length != 0;
        Cheque[] calldata cheques = batch.cheques;

        for (uint256 i = 0; i < cheques.length; ++i) {
            Cheque calldata cheque = cheques[i];
            bytes4 reason = exists ? _cash(order, cheque) : NoChequebook.selector;

            if (reason == 0) ++cashed;
            else emit Skipped(order.chequebook, cheque.beneficiary, cheque.amount, reason);
        }
    }

    /// @dev Cashes one cheque with at most `gasEach`. Returns zero if it was cashed, otherwise the reason.
    function _cash(Order memory order, Cheque calldata cheque) private returns (bytes4) {
        uint256 until = gasleft() - order.gasEach;
        if (order.onlyIfCovered) {
            bytes memory question = abi.encodeCall(IChequebook.sent, (cheque.beneficiary));
            (bool answered, uint256 sent) = _call(order.chequebook, until, question);
            if (!answered) return Failed.selector;
            if (cheque.amount > sent && cheque.amount - sent > order.chequebook.balance) return NotCovered.selector;
        }

        (bool cashed, uint256 thrown) = _call(order.chequebook, until, _cashCall(order.entry, cheque));
        if (cashed) return 0;

        bytes4 reason = bytes4(bytes32(thrown));
        return reason == 0 ? Failed.selector : reason;
    }

    function _cashCall(bytes4 entry, Cheque calldata cheque) private pure returns (bytes memory) {
        uint256 v = 27 + (uint256(cheque.vs) >> 255);
        bytes32 s = cheque.vs << 1 >> 1;

        return abi.encodeWithSelector(entry, cheque.beneficiary, cheque.amount, v, cheque.r, s);
    }

    /// @dev Calls the chequebook with as much gas as can be used before `gasleft()` falls to `until`. Returns the first
    /// word of the returned data, or zero if there is none. Assembly, because Solidity copies all returned data: a
    /// hostile chequebook could return so much that no gas remains for the other cheques.
    function _call(address chequebook, uint256 until, bytes memory data) private returns (bool success, uint256 word) {
        uint256 gasLimit = Math.saturatingSub(gasleft(), until);
        assembly ("memory-safe") {
            mstore(0, 0)
            success := call(gasLimit, chequebook, 0, add(data, 32), mload(data), 0, 32)
            word := mload(0)
        }
    }
}
