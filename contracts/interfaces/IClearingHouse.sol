// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "./IChequebook.sol";

/// @title IClearingHouse
/// @notice Cashes many cheques, of any chequebooks to any beneficiaries, in one transaction, each only if its
/// chequebook covers it. So nothing that goes through it can overdraw a chequebook. A cheque that cannot be cashed is
/// skipped and reported; the others are cashed all the same. It has no storage, and no part in the payment: each
/// chequebook pays its beneficiary itself. Never make a cheque out to it: what an overdraft pays it stays there for
/// ever.
interface IClearingHouse {
    /// @notice A cheque.
    /// @param chequebook The chequebook that pays.
    /// @param beneficiary The account that is paid.
    /// @param amount The cumulative amount promised to `beneficiary`, in wei or in the token's smallest unit.
    /// @param typed Whether it is a typed cheque; otherwise it is a packed one.
    /// @param r The first half of the signature.
    /// @param vs The second half, `s`, which must be the low one, with the parity of `v` in its highest bit (ERC-2098).
    struct Cheque {
        IChequebook chequebook;
        address payable beneficiary;
        uint256 amount;
        bool typed;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Emitted when a cheque is not cashed.
    /// @dev Warning: what is skipped is public. Anybody can submit it to `cash` of its chequebook, and a cheque that is
    /// not covered overdraws it there. Simulate first, and leave out what would be skipped.
    /// @param chequebook The chequebook that did not pay.
    /// @param beneficiary The beneficiary of the cheque.
    /// @param amount The cumulative amount of the cheque.
    /// @param reason The selector of an error: {NoChequebook}, {Failed}, or the error of the chequebook.
    event Skipped(address indexed chequebook, address indexed beneficiary, uint256 amount, bytes4 reason);

    /// @notice A reason: the address has no code. The chequebook is counterfactual or erased, or never was one.
    error NoChequebook();

    /// @notice A reason: the chequebook reverted without an error, in most cases because `gasEach` was too low.
    error Failed();

    /// @notice Thrown when there is not enough gas for all the cheques together.
    /// @param available The gas that is available.
    /// @param needed The gas that is needed.
    error NotEnoughGas(uint256 available, uint256 needed);

    /// @notice Cashes cheques, in the order given. Anyone may submit them.
    /// @dev Emits {Skipped} for each cheque that is not cashed; for each cheque that is cashed, its chequebook emits
    /// `Cashed`.
    ///
    /// Requirements:
    /// - The available gas must be enough for each cheque to use all of `gasEach`, so that none can take it from the
    ///   others.
    ///
    /// @param cheques The cheques.
    /// @param gasEach The most gas that one cheque may use. The first cash of a beneficiary needs 40,000 from a direct
    /// chequebook, 43,500 from a clone and 48,500 from a token chequebook, with OpenZeppelin's ERC20 as the token;
    /// 25,500 more if its account is new, or 18,000 more if it has no tokens yet. What the code of the beneficiary, or
    /// of another token, uses comes on top.
    /// @return cashed How many calls succeeded. A call to what is not a chequebook can succeed without any payment: to
    /// a contract with a fallback function, or to an account that is delegated (EIP-7702) to an address without code.
    function cash(Cheque[] calldata cheques, uint32 gasEach) external returns (uint256 cashed);
}
