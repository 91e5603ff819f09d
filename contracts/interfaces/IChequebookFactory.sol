// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IChequebookFactory
/// @notice Creates chequebooks as minimal clones, each at an address that follows from its owner, its signer, its
/// notice period, a salt and the chain. So the address alone proves all of these, and cheques can be signed for a
/// counterfactual chequebook, one that is not created yet.
/// @dev The address also follows from the chain because a packed cheque does not name its chain: it is worthless on
/// every other chain.
/// @dev Warning: a clone delegates each call, which alone costs more than the 2,300 gas of a plain `transfer`. A
/// deposit must be sent with more gas.
interface IChequebookFactory {
    /// @notice Emitted when a chequebook is created. The notice period is in seconds.
    event Created(
        address indexed owner, address indexed chequebook, address signer, uint256 noticePeriod, bytes32 salt
    );

    /// @notice Thrown when the `chequebook` was created before, whether or not it still exists. Before EIP-6780 the
    /// account of a dead one is erased. If it was created again, its `sent` would be zero, and its old cheques could be
    /// cashed again.
    error AlreadyCreated(address chequebook);

    /// @notice The contract whose code all clones run. It is not a chequebook itself.
    function implementation() external view returns (address);

    /// @notice The number of the block in which `chequebook` was created; zero if this factory did not create it.
    function bornAt(address chequebook) external view returns (uint256);

    /// @notice The address of a chequebook, which may be created already or counterfactual.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    ///
    /// @param owner The account that may announce, cancel and kill.
    /// @param signer The address that must sign cheques; zero stands for the owner.
    /// @param noticePeriod The minimum time between the announcement of a kill and the kill, in seconds.
    /// @param salt Any 32 bytes. Chequebooks with the same terms and different salts have different addresses.
    function predict(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        view
        returns (address chequebook);

    /// @notice Creates a chequebook, and deposits the value of the call. Anyone may create a chequebook for any owner:
    /// apart from the deposit, the address fixes everything.
    /// @dev Emits {Created}. Ether that was sent to the address before is part of the deposit.
    ///
    /// Requirements:
    /// - `owner` must not be zero.
    /// - The chequebook must not have been created before.
    function create(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        payable
        returns (IChequebook chequebook);
}
