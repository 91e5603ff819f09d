// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IChequebookFactory
/// @notice Creates every chequebook, at an address that follows from its form, its terms, a salt and the chain. So the
/// address alone proves all of these, and cheques can be signed for a counterfactual chequebook, one that is not
/// created yet. What this factory did not create is unproven, whatever its code: another constructor can write storage
/// first, and then leave exactly the code of a chequebook.
/// @dev The address also follows from the chain because a packed cheque does not name its chain: it is worthless on
/// every other chain.
/// @dev Warning: a clone delegates each call, which alone costs more than the 2,300 gas of a plain `transfer`. A
/// deposit must be sent with more gas.
interface IChequebookFactory {
    /// @notice The forms of a chequebook, which keep the same rules.
    /// `None` is that of an account that this factory did not create.
    /// `Direct` has its terms in its code as constants: the cheapest to cash from.
    /// `Clone` is a minimal clone (ERC-1167): the cheapest to create.
    /// `Token` is a minimal clone whose asset is an ERC-20 token.
    enum Form {
        None,
        Direct,
        Clone,
        Token
    }

    /// @notice What a chequebook is created with. None of it ever changes.
    /// @param owner The account that may announce, cancel and kill. Not zero.
    /// @param signer The address that must sign cheques; zero stands for the owner.
    /// @param noticePeriod The minimum time between the announcement of a kill and the kill, in seconds.
    /// @param token The asset: an ERC-20 token for the form `Token`, zero, which stands for ether, for the others.
    struct Terms {
        address owner;
        address signer;
        uint32 noticePeriod;
        address token;
    }

    /// @notice What the factory knows of a chequebook.
    /// @param bornAt The number of the block in which it was created.
    /// @param form Its form.
    /// @param token Its asset; zero stands for ether.
    struct Record {
        uint64 bornAt;
        Form form;
        address token;
    }

    /// @notice Emitted when a chequebook is created. The form is in its `record`, and the other terms can be read from
    /// the chequebook.
    /// @param owner The owner.
    /// @param chequebook The address.
    /// @param token The asset; zero stands for ether.
    event Created(address indexed owner, address indexed chequebook, address token);

    /// @notice Thrown when a chequebook was created before, whether or not it still exists. Before EIP-6780 the account
    /// of a dead one is erased. If it was created again, its `sent` would be zero, and its old cheques could be cashed
    /// again.
    /// @param chequebook The address.
    error AlreadyCreated(address chequebook);

    /// @notice Thrown when the form is `None`, which nothing is created in.
    error NoForm();

    /// @notice Thrown when a form cannot have a token: `Token` needs an account with code, the others need zero.
    /// @param form The form.
    /// @param token The token.
    error InvalidToken(Form form, address token);

    /// @notice Thrown when ether is sent with the creation of a token chequebook, which could never pay it.
    error EtherRefused();

    /// @notice The contract whose code all clones that pay ether run. It is not a chequebook itself.
    /// @return The address.
    function implementation() external view returns (address);

    /// @notice The contract whose code all token chequebooks run. It is not a chequebook itself.
    /// @return The address.
    function tokenImplementation() external view returns (address);

    /// @notice The number of the block in which a chequebook was created.
    /// @param chequebook Any address.
    /// @return blockNumber Zero if this factory did not create it.
    function bornAt(address chequebook) external view returns (uint256 blockNumber);

    /// @notice What this factory knows of a chequebook. It never changes, also after the death of the chequebook.
    /// @param chequebook Any address.
    /// @return known All zero, with the form `None`, if this factory did not create it.
    function record(address chequebook) external view returns (Record memory known);

    /// @notice The address of a chequebook, which may be created already or counterfactual.
    ///
    /// Requirements:
    /// - `form` must not be `None`.
    /// - The owner must not be zero.
    /// - The token must be zero, unless the form is `Token`; then it must not be zero.
    ///
    /// @param form The form of the chequebook.
    /// @param terms What the chequebook is created with.
    /// @param salt Any 32 bytes. Chequebooks with the same terms and different salts have different addresses.
    /// @return chequebook The address.
    function predict(Form form, Terms calldata terms, bytes32 salt) external view returns (address chequebook);

    /// @notice Creates a chequebook, and deposits the value of the call. Anyone may create a chequebook for any owner:
    /// apart from the deposit, the address fixes everything.
    /// @dev Emits {Created}. What was sent to the address before is part of the deposit. Ether at the address of a
    /// token chequebook is stuck for ever.
    ///
    /// Requirements:
    /// - Those of `predict`.
    /// - If the form is `Token`, the token must have code, and the value must be zero.
    /// - The chequebook must not have been created before.
    ///
    /// @param form The form of the chequebook.
    /// @param terms What the chequebook is created with.
    /// @param salt Any 32 bytes.
    /// @return chequebook The address, as `predict` returns it.
    function create(Form form, Terms calldata terms, bytes32 salt) external payable returns (IChequebook chequebook);
}
