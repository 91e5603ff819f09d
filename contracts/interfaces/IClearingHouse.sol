// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IClearingHouse
/// @notice Cashes many cheques, of one or of many chequebooks, in one transaction. What cannot be cashed is skipped and
/// reported, and takes nothing from the others. It keeps no state and no ether: payments go from each chequebook
/// straight to its beneficiary.
interface IClearingHouse {
    /// @notice A cheque of the chequebook that its batch names.
    /// @param beneficiary Whom it is made out to.
    /// @param amount The cumulative amount promised to `beneficiary`, in wei.
    /// @param r The first half of the signature.
    /// @param vs The second half, `s`, which must be the low one, with the parity of `v` in its highest bit (ERC-2098).
    struct Cheque {
        address payable beneficiary;
        uint256 amount;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Cheques of one chequebook, of one kind. A chequebook may have several batches.
    /// @param typed Whether they are typed cheques, not packed ones.
    /// @param onlyIfCovered Whether to skip a cheque that exceeds the balance at that moment, which would pay just the
    /// balance and end the chequebook.
    struct Batch {
        IChequebook chequebook;
        bool typed;
        bool onlyIfCovered;
        Cheque[] cheques;
    }

    /// @notice Emitted when a cheque is not cashed. `reason` is the selector of the error: one of the chequebook's, or
    /// {NotCovered}, {NoChequebook} or {Failed}.
    event Skipped(address indexed chequebook, address indexed beneficiary, uint256 amount, bytes4 reason);

    /// @notice A reason: the cheque exceeds the balance, and `onlyIfCovered` was asked for.
    error NotCovered();

    /// @notice A reason: there is no code at the chequebook's address. It is not created yet, or gone.
    error NoChequebook();

    /// @notice A reason: the chequebook failed without an error, mostly because `gasEach` was not enough.
    error Failed();

    /// @notice Thrown when the gas that is `available` is less than what all the cheques together may need.
    error NotEnoughGas(uint256 available, uint256 needed);

    /// @notice Cashes cheques, in the order given. Anyone may submit them.
    /// @dev Emits {Skipped} for each cheque that is not cashed; for one that is, the chequebook emits its `Cashed`.
    /// @dev Warning: without `onlyIfCovered`, a cheque that exceeds the balance ends its chequebook.
    ///
    /// Requirements:
    /// - There must be gas for each cheque to use all of `gasEach`, so that none can leave the others short.
    ///
    /// @param gasEach The most gas that one cheque may use. A first cash needs 40,000, an account that is new 25,000
    /// more, a clone 4,000 more, a beneficiary with code what its code needs.
    /// @return cashed How many cheques were cashed. The others were skipped.
    function cash(Batch[] calldata batches, uint32 gasEach) external returns (uint256 cashed);
}
