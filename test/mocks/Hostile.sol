// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice A contract in place of a chequebook that harms its caller, in one of several manners.
contract HostileChequebook {
    enum Manner {
        BurnsAllGas,
        BurnsNearlyAllGas,
        ReturnsTooMuch,
        RevertsWithTooMuch,
        RevertsWithNothing,
        Lies
    }

    Manner private immutable _manner;

    constructor(Manner manner) {
        _manner = manner;
    }

    fallback() external payable {
        Manner manner = _manner;
        if (manner == Manner.BurnsNearlyAllGas) {
            while (gasleft() > 300) {}
        }
        uint256 size = gasleft() * 20;
        assembly {
            switch manner
            case 0 { invalid() }
            case 2 { return(0, size) }
            case 3 { revert(0, size) }
            case 4 { revert(0, 0) }
            default {
                mstore(0, not(0))
                return(0, 32)
            }
        }
    }
}

/// @notice Any call with any data succeeds, and does nothing.
contract AcceptsAnything {
    fallback() external {}
}

/// @notice In place of a chequebook, stores the gas that it got.
contract Meter {
    uint256 public got;

    fallback() external {
        got = gasleft();
    }
}
