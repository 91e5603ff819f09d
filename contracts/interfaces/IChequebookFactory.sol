// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IChequebookFactory
/// @notice Creates chequebooks as minimal clones, each at an address that follows from its owner, its signer, its notice
/// period, a salt and the chain. So the address alone proves all of these, and cheques can be written before the
/// chequebook is created.
/// @dev The chain is part of the address, so that a packed cheque, which does not name its chain, is worthless on all
/// others.
/// @dev Warning: a clone passes each call on, which alone costs more than the 2,300 gas of a plain `transfer`. It takes
/// deposits from whoever sends more gas along.
interface IChequebookFactory {
    /// @notice Emitted when a chequebook is created. The notice period is in seconds.
    event Created(
        address indexed owner, address indexed chequebook, address signer, uint256 noticePeriod, bytes32 salt
    );

    /// @notice Thrown when the `chequebook` was created before, whether or not it is still there. Before EIP-6780 a dead
    /// one leaves its address empty. Created again, it would have forgotten what it has `sent`, and its old cheques could
    /// be cashed again.
    error AlreadyCreated(address chequebook);

    /// @notice The code that all clones run. It is no chequebook itself.
    function implementation() external view returns (address);

    /// @notice The number of the block in which `chequebook` was created. Zero: this factory did not create it.
    function bornAt(address chequebook) external view returns (uint256);

    /// @notice The address of a chequebook, created or not.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    ///
    /// @param owner Who commands the chequebook.
    /// @param signer The address that must sign cheques; zero stands for the owner.
    /// @param noticePeriod The least time between the announcement of the end and the end, in seconds.
    /// @param salt Any number, to tell apart several chequebooks with the same terms.
    function predict(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        view
        returns (address chequebook);

    /// @notice Creates a chequebook, and deposits the value of the call. Anyone may create anyone's chequebook: the caller
    /// chooses nothing but the deposit.
    /// @dev Emits {Created}. What was sent to the address before is part of the deposit.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    /// - The chequebook must not have been created before.
    function create(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        payable
        returns (IChequebook chequebook);
}
