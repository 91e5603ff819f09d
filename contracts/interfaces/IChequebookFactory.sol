// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IChequebookFactory
/// @notice Opens chequebooks as minimal clones, each at an address that follows from its owner, its signer, its notice
/// period, a salt and the chain. So the address alone proves all of these, and cheques can be written before the
/// chequebook is opened.
/// @dev The chain is part of the address, so that a packed cheque, which does not name its chain, is worthless on all
/// others.
/// @dev Warning: a clone passes each call on, which alone costs more than the 2,300 gas of a plain `transfer`. It takes
/// deposits from whoever sends more gas along.
interface IChequebookFactory {
    /// @notice Emitted when a chequebook is opened. The notice period is in seconds.
    event Opened(address indexed owner, address indexed chequebook, address signer, uint256 noticePeriod, bytes32 salt);

    /// @notice Thrown when the `chequebook` is open already, or was once. Before EIP-6780 a dead one leaves its address
    /// empty; opened again, with all that it has `sent` forgotten, its cheques would be good a second time.
    error AlreadyOpen(address chequebook);

    /// @notice The code that all clones run. It is no chequebook itself.
    function implementation() external view returns (address);

    /// @notice The number of the block in which `chequebook` was opened. Zero: this factory did not open it.
    function bornAt(address chequebook) external view returns (uint256);

    /// @notice The address of a chequebook, opened or not.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    ///
    /// @param owner Who commands the chequebook.
    /// @param signer Whose key makes a cheque; zero stands for the owner.
    /// @param noticePeriod The least time between the announcement of the end and the end, in seconds.
    /// @param salt Any number, to tell apart several chequebooks with the same terms.
    function addressOf(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        view
        returns (address chequebook);

    /// @notice Opens a chequebook, and deposits what is sent along. Anyone may open anyone's chequebook: nothing but
    /// the deposit is the caller's choice.
    /// @dev Emits {Opened}. What was sent to the address before is part of the deposit.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    /// - The chequebook must not have been opened before.
    function open(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        payable
        returns (IChequebook chequebook);
}
