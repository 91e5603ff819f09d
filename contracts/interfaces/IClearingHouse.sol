// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IClearingHouse
/// @notice Cashes many cheques, of one or of many chequebooks, in one transaction. A cheque that cannot be cashed is
/// skipped and reported, and the others are cashed all the same. The clearing house has no state and holds no ether:
/// each chequebook pays its beneficiary directly.
interface IClearingHouse {
    /// @notice A cheque of the chequebook that its batch names.
    /// @param beneficiary The account that the cheque pays.
    /// @param amount The cumulative amount promised to `beneficiary`, in wei.
    /// @param r The first half of the signature.
    /// @param vs The second half, the low `s`, with the parity of `v` in its highest bit (ERC-2098).
    struct Cheque {
        address payable beneficiary;
        uint256 amount;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Cheques of one chequebook, of one kind. A chequebook may have several batches.
    /// @param typed Whether all its cheques are typed; otherwise all are packed.
    /// @param onlyIfCovered Whether to skip a cheque for which the balance is too low at that moment. Otherwise it is
    /// an overdraft: it pays the whole balance, and the chequebook dies.
    struct Batch {
        IChequebook chequebook;
        bool typed;
        bool onlyIfCovered;
        Cheque[] cheques;
    }

    /// @notice Emitted when a cheque is not cashed. `reason` is the selector of an error: {NotCovered}, {NoChequebook},
    /// {Failed}, or the error of the chequebook.
    event Skipped(address indexed chequebook, address indexed beneficiary, uint256 amount, bytes4 reason);

    /// @notice A reason: the balance is too low for the cheque, and its batch is `onlyIfCovered`.
    error NotCovered();

    /// @notice A reason: the address has no code. The chequebook is counterfactual or erased, or never was one.
    error NoChequebook();

    /// @notice A reason: the chequebook reverted without an error, in most cases because `gasEach` was too low.
    error Failed();

    /// @notice Thrown when the `available` gas is less than the gas `needed` for all the cheques together.
    error NotEnoughGas(uint256 available, uint256 needed);

    /// @notice Cashes cheques, in the order given. Anyone may submit them.
    /// @dev Emits {Skipped} for each cheque that is not cashed; for each cheque that is cashed, its chequebook emits
    /// `Cashed`.
    /// @dev Warning: without `onlyIfCovered`, a cheque for which the balance is too low kills its chequebook.
    ///
    /// Requirements:
    /// - There must be enough gas for each cheque to use all of `gasEach`, so that no cheque can use the gas of the
    ///   others.
    ///
    /// @param gasEach The maximum gas for one cheque. The first cash of a beneficiary needs 40,000; 25,000 more if its
    /// account is new; 4,000 more if the chequebook is a clone; and the gas that the beneficiary's own code uses.
    /// @return cashed The number of cheques that were cashed. The others were skipped.
    function cash(Batch[] calldata batches, uint32 gasEach) external returns (uint256 cashed);
}
