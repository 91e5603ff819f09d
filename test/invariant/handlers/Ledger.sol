// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../../contracts/interfaces/IChequebook.sol";
import {Scheme} from "../../utils/Cheques.sol";

/// @notice What the handler has observed: sums of the asset that moved, cheques that were signed, and every breach of an
/// invariant. Sums come from balances, never from what a chequebook reports.
contract Ledger {
    struct Cheque {
        IChequebook chequebook;
        address payable beneficiary;
        uint256 amount;
        Scheme scheme;
    }

    struct Record {
        uint256 amountIn;
        uint256 amountOut;
        uint256 notice;
        uint256 bornAt;
        uint256 announcedAt;
        uint256 diedAt;
        bool dead;
    }

    IChequebook[] internal chequebooks;
    Cheque[] internal cheques;
    address payable[] internal payees;

    mapping(IChequebook chequebook => Record record) private _records;

    /// @dev What each beneficiary has received from a chequebook, by the change of its own balance.
    mapping(IChequebook chequebook => mapping(address beneficiary => uint256 amount)) internal _received;
    /// @dev The largest amount that was ever signed for a beneficiary.
    mapping(IChequebook chequebook => mapping(address beneficiary => uint256 amount)) internal _largest;
    /// @dev The highest `sent` that was ever read.
    mapping(IChequebook chequebook => mapping(address beneficiary => uint256 amount)) internal _seen;

    /// @dev How often an action broke a numbered invariant (1 for CB1, and so on).
    uint256[12] private _breaches;

    function breaches() external view returns (uint256[12] memory) {
        return _breaches;
    }

    function allChequebooks() external view returns (IChequebook[] memory) {
        return chequebooks;
    }

    function allPayees() external view returns (address payable[] memory) {
        return payees;
    }

    function record(IChequebook chequebook) external view returns (Record memory) {
        return _records[chequebook];
    }

    /// @notice For each payee: what it has received from the chequebook, and the largest amount that was signed for it.
    function payments(IChequebook chequebook)
        external
        view
        returns (uint256[] memory received, uint256[] memory largest)
    {
        received = new uint256[](payees.length);
        largest = new uint256[](payees.length);
        for (uint256 i; i < payees.length; i++) {
            received[i] = _received[chequebook][payees[i]];
            largest[i] = _largest[chequebook][payees[i]];
        }
    }

    function _addChequebook(IChequebook chequebook, uint256 deposit, uint256 notice, uint256 blockNumber) internal {
        chequebooks.push(chequebook);
        _records[chequebook].amountIn = deposit;
        _records[chequebook].notice = notice;
        _records[chequebook].bornAt = blockNumber;
    }

    function _record(IChequebook chequebook) internal view returns (Record storage) {
        return _records[chequebook];
    }

    /// @dev After a breach the caller must return without a revert, which would undo this record.
    function _expect(uint256 number, bool holds) internal returns (bool) {
        if (!holds) _breaches[number]++;
        return holds;
    }
}
