// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {Signature} from "../utils/Cheques.sol";

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
    uint256 public received;

    receive() external payable {
        received += msg.value;
    }
}

/// @notice While it is paid, cashes another cheque, and stores the outcome.
contract Reenterer {
    IChequebook private _chequebook;
    bytes private _call;

    bool public succeeded;
    bytes public answer;
    uint256 public payments;

    function prepare(IChequebook chequebook, uint256 amount, Signature memory signature) external {
        _chequebook = chequebook;
        _call =
            abi.encodeCall(IChequebook.cash, (payable(address(this)), amount, signature.v, signature.r, signature.s));
    }

    receive() external payable {
        payments++;
        bytes memory call = _call;
        if (call.length == 0) return;
        delete _call;
        (succeeded, answer) = address(_chequebook).call(call);
    }
}
