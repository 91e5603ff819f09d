// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./interfaces/IChequebook.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";

/// @title ClearingHouse
/// @notice Cashes many cheques in one transaction, each only if it is covered.
contract ClearingHouse is IClearingHouse {
    /// @dev An upper bound of the gas that the clearing house itself needs for a cheque, apart from `gasEach`: the
    /// first access to its chequebook, and an event.
    uint256 private constant OWN_GAS = 8000;

    /// @inheritdoc IClearingHouse
    function cash(Cheque[] calldata cheques, uint32 gasEach) external returns (uint256 cashed) {
        _requireGas(cheques.length, gasEach);

        for (uint256 i = 0; i < cheques.length; ++i) {
            Cheque calldata cheque = cheques[i];
            bytes4 reason = _cash(cheque, gasEach);

            if (reason == 0) ++cashed;
            else emit Skipped(address(cheque.chequebook), cheque.beneficiary, cheque.amount, reason);
        }
    }

    /// @dev A call gets at most 63/64 of the remaining gas. With the last term even the last cheque gets all of
    /// `gasEach`.
    function _requireGas(uint256 count, uint256 gasEach) private view {
        uint256 needed = count * (gasEach + OWN_GAS) + gasEach / 63;
        uint256 available = gasleft();
        if (available < needed) revert NotEnoughGas(available, needed);
    }

    /// @dev Cashes one cheque with at most `gasEach`. Returns zero if it was cashed, otherwise the reason.
    function _cash(Cheque calldata cheque, uint256 gasEach) private returns (bytes4) {
        address chequebook = address(cheque.chequebook);
        if (chequebook.code.length == 0) return NoChequebook.selector;

        (bool success, bytes4 thrown) = _call(chequebook, gasEach, _encode(cheque));
        if (success) return 0;
        return thrown == 0 ? Failed.selector : thrown;
    }

    function _encode(Cheque calldata cheque) private pure returns (bytes memory) {
        bytes4 entry = cheque.typed ? IChequebook.cashTypedIfCovered.selector : IChequebook.cashIfCovered.selector;
        uint256 v = 27 + (uint256(cheque.vs) >> 255);
        bytes32 s = cheque.vs << 1 >> 1;

        return abi.encodeWithSelector(entry, cheque.beneficiary, cheque.amount, v, cheque.r, s);
    }

    /// @dev Returns the selector of the error. Assembly, because Solidity copies all that a call returns: a hostile
    /// chequebook could return so much that no gas is left for the others.
    function _call(address chequebook, uint256 gasLimit, bytes memory data)
        private
        returns (bool success, bytes4 thrown)
    {
        assembly ("memory-safe") {
            mstore(0, 0)
            success := call(gasLimit, chequebook, 0, add(data, 32), mload(data), 0, 4)
            thrown := mload(0)
        }
    }
}
