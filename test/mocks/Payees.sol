// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice Refuses payment until it is told to accept.
contract Refuser {
    bool public accepting;

    function accept(bool accepting_) external {
        accepting = accepting_;
    }

    receive() external payable {
        require(accepting, "refused");
    }
}

/// @notice Burns all the gas it is given.
contract GasBurner {
    receive() external payable {
        assembly {
            invalid()
        }
    }
}

/// @notice Returns more data than the payer has gas to copy.
contract ReturnBomber {
    receive() external payable {
        assembly {
            return(0, 1000000)
        }
    }
}

/// @notice Needs more than the 2,300 gas of a plain transfer, as smart wallets do.
contract Wallet {
    uint256 public payments;

    receive() external payable {
        payments++;
    }
}

/// @notice Counts its payments, but lets a payment pass whose counting fails.
contract Careless {
    uint256 public payments;

    function count() external {
        payments++;
    }

    receive() external payable {
        try this.count() {} catch {}
    }
}

/// @notice While it is paid, makes a call, and stores the outcome.
contract Reenterer {
    address private _target;
    bytes private _call;

    bool public succeeded;
    bytes public answer;
    uint256 public payments;

    function prepare(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    receive() external payable {
        payments++;
        bytes memory call = _call;
        if (call.length == 0) return;
        delete _call;
        (succeeded, answer) = _target.call(call);
    }
}
