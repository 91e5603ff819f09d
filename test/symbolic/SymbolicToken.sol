// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice An ERC-20 token that moves exactly the amount, or fails. The proofs make its storage arbitrary, and so the
/// ways in which it succeeds and fails.
contract SymbolicToken {
    mapping(address account => uint256) public balanceOf;
    /// @notice Zero: it is honest. Otherwise it fails, by returning false, by a revert, or by an answer that is no
    /// boolean; or it succeeds and returns nothing, like USDT.
    mapping(address recipient => uint256) public mood;

    function set(address account, uint256 balance) external {
        balanceOf[account] = balance;
    }

    function transfer(address recipient, uint256 amount) external returns (bool) {
        uint256 how = mood[recipient];
        if (how == 1) return false;
        if (how == 2) revert();
        if (how == 3) {
            assembly {
                mstore(0, 2)
                return(0, 32)
            }
        }

        balanceOf[msg.sender] -= amount;
        balanceOf[recipient] += amount;

        if (how == 4) {
            assembly {
                return(0, 0)
            }
        }
        return true;
    }
}
