// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IOwned
/// @notice Who commands a chequebook.
interface IOwned {
    /// @notice Thrown when a chequebook is created without an owner.
    error ZeroOwner();

    /// @notice Thrown when `caller` calls what only the owner may call.
    error NotOwner(address caller);

    /// @notice The payer: it commands the chequebook, and what is left of the deposit returns to it. Never changes.
    function owner() external view returns (address);
}

/// @title IMortal
/// @notice How a chequebook ends.
/// @dev A chequebook dies by `selfdestruct`, which moves its ether without running any code of the receiver.
/// Since the Cancun upgrade (EIP-6780) its code and storage survive that: what remains takes no deposits, cannot be
/// killed again and cannot be overdrawn again. It still pays a covered cheque, from ether that was forced into it.
/// @dev Warning: before Cancun the account is gone with the transaction. A later deposit to it is lost, and every call
/// to it succeeds without any effect.
interface IMortal is IOwned {
    /// @notice Emitted when the owner announces the end: `kill` is possible from `killableAt` on, in Unix seconds.
    event KillAnnounced(uint256 killableAt);

    /// @notice Emitted when the owner takes the announcement back.
    event KillCancelled();

    /// @notice Emitted when the owner ends the chequebook, which returns the `refund` to the owner, in wei.
    event Killed(uint256 refund);

    /// @notice Thrown when the chequebook is dead, and what is asked of it needs a living one.
    error Dead();

    /// @notice Thrown when a chequebook would die in the block that created it.
    error BornThisBlock();

    /// @notice Thrown when no end is announced, and one had to be.
    error NotAnnounced();

    /// @notice Thrown when `kill` comes at `time`, and is possible only from `killableAt` on. Both in Unix seconds.
    error NoticeRunning(uint256 killableAt, uint256 time);

    /// @notice The least time between the announcement of the end and the end, in seconds. Never changes.
    /// Zero: the owner may end the chequebook at any time, without an announcement.
    function noticePeriod() external view returns (uint256);

    /// @notice When the chequebook may end: zero while no end is announced, else the time from which on `kill` is
    /// possible, in Unix seconds; `type(uint256).max` once the chequebook is dead. It never lives again.
    function killableAt() external view returns (uint256);

    /// @notice Announces the end, so that payees can cash before the deposit leaves. A second announcement replaces
    /// the first, and its notice starts anew.
    /// @dev Emits {KillAnnounced}.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    function announceKill() external;

    /// @notice Takes the announcement back.
    /// @dev Emits {KillCancelled}.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    /// - An end must be announced.
    function cancelKill() external;

    /// @notice Ends the chequebook and returns its balance to the owner.
    /// @dev Emits {Killed}.
    /// @dev Warning: every cheque that is not cashed by then is worthless.
    ///
    /// Requirements:
    /// - The caller must be the owner.
    /// - The chequebook must be alive.
    /// - Unless the notice period is zero, an end must be announced.
    /// - Unless the notice period is zero, the notice must have run out.
    /// - The chequebook must not have been created in this block.
    function kill() external;
}

/// @title IChequebook
/// @notice A deposit from which signed cheques are paid. A cheque carries the cumulative amount promised to one
/// beneficiary, so the newest one replaces all before it, and none can be cashed twice.
/// @dev Warning: the deposit is pooled. Who cashes first is paid first, and a cheque is worth no more than the balance
/// at the moment it is cashed.
interface IChequebook is IMortal {
    /// @notice Emitted when a cheque is cashed, and `beneficiary` receives `paid`, in wei. The sum of all that a
    /// beneficiary was ever paid is its `sent`.
    event Cashed(address indexed beneficiary, uint256 paid);

    /// @notice Emitted when a cheque exceeds the balance, which ends the chequebook of `deadbeat`, its owner.
    event Overdraft(address deadbeat);

    /// @notice Thrown when a cheque is made out to the chequebook itself, `beneficiary`, which would pay nobody.
    error InvalidBeneficiary(address beneficiary);

    /// @notice Thrown when the cumulative `amount` of a cheque is not above what was `sent` already. Both in wei.
    error StaleCheque(uint256 amount, uint256 sent);

    /// @notice Thrown when the signature is not one of the signer over this very cheque.
    error InvalidSignature();

    /// @notice Thrown when the beneficiary refuses the payment. The cheque stays good.
    error PaymentFailed();

    /// @notice Whose key makes a cheque. Never changes.
    function signer() external view returns (address);

    /// @notice The cumulative amount paid to `beneficiary`, in wei. It never falls.
    function sent(address beneficiary) external view returns (uint256);

    /// @notice Deposits ether, which returns to the owner only by `kill`.
    /// @dev Needs less than the 2,300 gas of a plain transfer, hence no event. A clone needs more, to pass the call on.
    ///
    /// Requirements:
    /// - The chequebook must be alive.
    receive() external payable;

    /// @notice Cashes a packed cheque: pays `beneficiary` what `amount` exceeds `sent`. Anyone may submit it.
    /// An overdraft, where the balance is less than that, pays and counts just the balance and ends the chequebook.
    /// @dev Emits {Cashed}, and {Overdraft} in case.
    /// @dev Warning: a packed cheque does not name its chain. Chequebooks of one signer that have the same address on
    /// two chains honour each other's packed cheques.
    ///
    /// Requirements:
    /// - `beneficiary` must not be the chequebook.
    /// - `amount` must be above `sent`.
    /// - `v`, `r`, `s` must be a signature of the signer over {ChequeHash-packed}; `v` is 27 or 28.
    /// - `beneficiary` must accept the payment, unless it is an overdraft.
    /// - An overdraft needs a living chequebook.
    /// - An overdraft must not come in the block that created the chequebook.
    ///
    /// @param beneficiary Whom the cheque is made out to.
    /// @param amount The cumulative amount promised to `beneficiary`, in wei.
    function cash(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Cashes a typed cheque. All is as with `cash`, but the signature is over {ChequeHash-typed}, which binds
    /// the chain and which a wallet can show to its user.
    function cashTyped(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external;
}
