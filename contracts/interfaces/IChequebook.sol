// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

/// @title IOwned
/// @notice The owner of a chequebook: the account that may announce, cancel and kill.
interface IOwned {
    /// @notice Thrown when a chequebook is created without an owner.
    error ZeroOwner();

    /// @notice Thrown when a function that only the owner may call is called by somebody else.
    /// @param caller Who called it.
    error NotOwner(address caller);

    /// @notice The payer: the account that may announce, cancel and kill, and that receives the balance at the kill.
    /// Never changes.
    /// @return The address.
    function owner() external view returns (address);
}

/// @title IMortal
/// @notice How a chequebook ends.
/// @dev A chequebook whose asset is ether dies by `selfdestruct`, which moves the ether without running any code of the
/// recipient. Since the Cancun upgrade (EIP-6780) its code and storage survive that. A dead chequebook takes no ether,
/// cannot be killed again and cannot be overdrawn again. It still pays a covered cheque, from ether that was forced
/// into it, or from tokens that arrived later.
/// @dev Warning: before Cancun the account is erased at the end of the transaction. A later deposit to it is lost, and
/// every call to it succeeds without any effect. On a chain that refuses `selfdestruct`, nothing can die: see
/// SECURITY.md for what that does to a deposit.
interface IMortal is IOwned {
    /// @notice Emitted when the owner announces a kill.
    /// @param killableAt The time from which on `kill` is possible, in Unix seconds.
    event KillAnnounced(uint256 killableAt);

    /// @notice Emitted when the owner cancels the announcement.
    event KillCancelled();

    /// @notice Emitted when the owner kills the chequebook.
    /// @param refund The balance, which the owner receives.
    event Killed(uint256 refund);

    /// @notice Thrown when the chequebook is dead, and the call requires one that is alive.
    error Dead();

    /// @notice Thrown when the chequebook would die in the block in which it was created.
    error BornThisBlock();

    /// @notice Thrown when no kill is announced, and the call requires an announcement.
    error NotAnnounced();

    /// @notice Thrown when `kill` is called too early.
    /// @param killableAt The time from which on it is possible, in Unix seconds.
    /// @param time The time of the block, in Unix seconds.
    error NoticeRunning(uint256 killableAt, uint256 time);

    /// @notice The minimum time between the announcement of a kill and the kill, in seconds. Never changes.
    /// If it is zero, the owner may kill the chequebook at any time, without an announcement.
    /// @return The time, in seconds.
    function noticePeriod() external view returns (uint256);

    /// @notice The time from which on `kill` is possible, in Unix seconds. It is zero while no kill is announced, and
    /// `type(uint256).max` once the chequebook is dead, which is forever.
    /// @return The time, in Unix seconds, or one of these two.
    function killableAt() external view returns (uint256);

    /// @notice Announces a kill, so that payees can cash before the deposit leaves. A second announcement replaces the
    /// first, and the notice period starts again.
    /// @dev Emits {KillAnnounced}.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    function announceKill() external;

    /// @notice Cancels the announcement.
    /// @dev Emits {KillCancelled}.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    /// - A kill must be announced.
    function cancelKill() external;

    /// @notice Kills the chequebook and sends its balance to the owner.
    /// @dev Emits {Killed}.
    /// @dev Warning: every cheque that is not cashed before is worthless.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    /// - Unless the notice period is zero, a kill must be announced.
    /// - Unless the notice period is zero, it must have passed since the announcement.
    /// - The chequebook must not have been created in this block.
    function kill() external;
}

/// @title IChequebook
/// @notice A deposit from which signed cheques are paid. A cheque states the cumulative amount promised to one
/// beneficiary, so the newest one replaces all before it, and none can be cashed twice.
/// @dev Warning: all beneficiaries share one deposit. Cheques are paid in the order in which they are cashed, and each
/// pays at most the balance at that moment.
/// @dev The asset is ether, or an ERC-20 token ({ITokenChequebook}). All amounts are in its smallest unit, wei or that
/// of the token.
interface IChequebook is IMortal, IERC5267 {
    /// @notice Emitted when a cheque is cashed. The sum of all `paid` of a beneficiary is its `sent`.
    /// @param beneficiary The account that was paid.
    /// @param paid What it was paid.
    event Cashed(address indexed beneficiary, uint256 paid);

    /// @notice Emitted when the balance is too low for a cheque, and the chequebook dies.
    /// @param deadbeat The owner.
    event Overdraft(address deadbeat);

    /// @notice Thrown when the beneficiary of a cheque is the chequebook itself.
    /// @param beneficiary The address of the chequebook.
    error InvalidBeneficiary(address beneficiary);

    /// @notice Thrown when a cheque promises no more than what is sent already.
    /// @param amount The cumulative amount of the cheque.
    /// @param sent The cumulative amount paid to its beneficiary.
    error StaleCheque(uint256 amount, uint256 sent);

    /// @notice Thrown when the signature is not by the signer, or not over exactly this cheque.
    error InvalidSignature();

    /// @notice Thrown when the beneficiary, or the token, refuses the payment. The cheque stays valid.
    error PaymentFailed();

    /// @notice Thrown when the balance is too low for a cheque, and the caller asked for no overdraft. The cheque stays
    /// valid.
    /// @param owed The amount of the cheque minus `sent`.
    /// @param balance The balance.
    error NotCovered(uint256 owed, uint256 balance);

    /// @notice The address that must sign cheques. Never changes.
    /// @return The address. Not zero.
    function signer() external view returns (address);

    /// @notice The cumulative amount paid to `beneficiary`. It never decreases.
    /// @param beneficiary The account that cheques pay.
    /// @return amount What all its cheques were paid together.
    function sent(address beneficiary) external view returns (uint256 amount);

    /// @notice Deposits ether, which can return to the owner only by `kill`.
    /// @dev Emits no event. So a direct chequebook uses 2,214 of the 2,300 gas of a plain `transfer`, of which 2,100
    /// are one SLOAD: if a later upgrade makes that dearer, a deposit needs more gas. A clone needs more even now,
    /// since it delegates the call.
    ///
    /// Requirements:
    /// - The asset must be ether.
    /// - The chequebook must be alive.
    receive() external payable;

    /// @notice Cashes a packed cheque: pays `amount` minus `sent` to `beneficiary`. Anyone may submit it.
    /// If the balance is too low, that is an overdraft: it pays the whole balance, adds only that to `sent`, and the
    /// chequebook dies.
    /// @dev Emits {Cashed}, and {Overdraft} if the balance is too low.
    /// @dev Warning: a packed cheque does not name its chain. If chequebooks with the same signer have the same address
    /// on two chains, the packed cheques of each can be cashed at the other, too.
    ///
    /// Requirements:
    /// - `beneficiary` must not be the chequebook.
    /// - `amount` must be above `sent`.
    /// - `v`, `r`, `s` must be a signature of the signer over {ChequeHash-packed}.
    /// - `beneficiary` must accept the payment, unless it is an overdraft of ether.
    /// - If the asset is a token, it must allow the payment. Otherwise even an overdraft changes nothing.
    /// - If it is an overdraft, the chequebook must be alive.
    /// - If it is an overdraft, the chequebook must not have been created in this block.
    ///
    /// @param beneficiary The account that the cheque pays.
    /// @param amount The cumulative amount promised to `beneficiary`.
    /// @param v The parity of the signature, 27 or 28.
    /// @param r The first half of the signature.
    /// @param s The second half of the signature.
    function cash(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Cashes a typed cheque. All is as with `cash`, but the signature is over {ChequeHash-typed}, which
    /// includes the chain, and which a wallet can show to its user.
    ///
    /// @param beneficiary The account that the cheque pays.
    /// @param amount The cumulative amount promised to `beneficiary`.
    /// @param v The parity of the signature, 27 or 28.
    /// @param r The first half of the signature.
    /// @param s The second half of the signature.
    function cashTyped(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Cashes a packed cheque only if the balance covers it. All is as with `cash`, but what would be an
    /// overdraft reverts with {NotCovered}, so nothing can end the chequebook. Coverage is checked last: an error that
    /// names it proves that the signature is valid.
    /// @dev Emits {Cashed}.
    /// @dev Warning: a cheque that was refused in a transaction is public, and anybody can submit it to `cash`.
    ///
    /// Requirements:
    /// - Those of `cash` for a cheque that is no overdraft.
    /// - `amount` minus `sent` must not exceed the balance.
    ///
    /// @param beneficiary The account that the cheque pays.
    /// @param amount The cumulative amount promised to `beneficiary`.
    /// @param v The parity of the signature, 27 or 28.
    /// @param r The first half of the signature.
    /// @param s The second half of the signature.
    function cashIfCovered(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Cashes a typed cheque only if the balance covers it. All is as with `cashIfCovered`, but the signature
    /// is over {ChequeHash-typed}.
    ///
    /// @param beneficiary The account that the cheque pays.
    /// @param amount The cumulative amount promised to `beneficiary`.
    /// @param v The parity of the signature, 27 or 28.
    /// @param r The first half of the signature.
    /// @param s The second half of the signature.
    function cashTypedIfCovered(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;
}
