// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice What the chequebook of 2016 does, as go-ethereum 1.8 had it: the same entries, digest, event and storage, and
/// no `owner()`. Written anew for the compiler of today, so its bytes are others. test/e2e/original.rs compares the two.
contract OriginalChequebook {
    address private _owner; // slot 0
    mapping(address beneficiary => uint256) public sent; // slot 1

    event Overdraft(address deadbeat);

    constructor() {
        _owner = msg.sender;
    }

    receive() external payable {}

    // Every call that it does not know is a deposit, or nothing.
    fallback() external payable {}

    /// @notice Ends it at once. From anybody else, it succeeds without effect.
    function kill() external {
        if (msg.sender == _owner) selfdestruct(payable(_owner));
    }

    function cash(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        if (amount <= sent[beneficiary]) _refuse();
        // Both forms of a signature are good.
        bytes32 digest = keccak256(abi.encodePacked(address(this), beneficiary, amount));
        if (ecrecover(digest, v, r, s) != _owner) _refuse();

        uint256 owed = amount - sent[beneficiary];
        if (owed > address(this).balance) {
            // An overdraft counts nothing as paid.
            emit Overdraft(_owner);
            selfdestruct(beneficiary);
        }
        sent[beneficiary] = amount;
        // With the stipend of 2,300 gas, as `transfer` did.
        (bool paid,) = beneficiary.call{value: owed, gas: 0}("");
        if (!paid) _refuse();
    }

    /// @dev Its errors have no data.
    function _refuse() private pure {
        assembly {
            revert(0, 0)
        }
    }
}
