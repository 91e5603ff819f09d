// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../../contracts/Chequebook.sol";
import {Scheme} from "../../utils/Cheques.sol";

/// @notice What the handler has seen with its own eyes: sums of ether that moved, cheques that were signed, and every
/// breach of a rule. It takes no word of the chequebooks for it.
contract Ledger {
    struct Cheque {
        Chequebook chequebook;
        address payable beneficiary;
        uint256 amount;
        Scheme scheme;
    }

    struct Record {
        uint256 ethIn;
        uint256 ethOut;
        uint256 notice;
        uint256 bornAt;
        uint256 announcedAt;
        uint256 diedAt;
        bool dead;
    }

    Chequebook[] public chequebooks;
    Cheque[] public cheques;
    address payable[] public payees;

    mapping(Chequebook chequebook => Record record) private _records;

    /// @notice What each beneficiary has received from a chequebook, by the change of its own balance, in wei.
    mapping(Chequebook chequebook => mapping(address beneficiary => uint256 amount)) public received;
    /// @notice The largest amount that was ever signed for a beneficiary, in wei.
    mapping(Chequebook chequebook => mapping(address beneficiary => uint256 amount)) public largest;
    /// @notice The highest `sent` that was ever read, in wei.
    mapping(Chequebook chequebook => mapping(address beneficiary => uint256 amount)) public seen;

    /// @notice How often a numbered invariant was seen broken while it happened (1 for CB1, and so on).
    mapping(uint256 number => uint256 times) public breaches;

    function record(Chequebook chequebook) external view returns (Record memory) {
        return _records[chequebook];
    }

    function chequebooksLength() external view returns (uint256) {
        return chequebooks.length;
    }

    function payeesLength() external view returns (uint256) {
        return payees.length;
    }

    function _addChequebook(Chequebook chequebook, uint256 deposit, uint256 notice, uint256 blockNumber) internal {
        chequebooks.push(chequebook);
        _records[chequebook].ethIn = deposit;
        _records[chequebook].notice = notice;
        _records[chequebook].bornAt = blockNumber;
    }

    function _record(Chequebook chequebook) internal view returns (Record storage) {
        return _records[chequebook];
    }

    /// @dev On a breach the caller must end its action without a revert, which would roll the entry back.
    function _expect(uint256 number, bool holds) internal returns (bool) {
        if (!holds) breaches[number]++;
        return holds;
    }
}
