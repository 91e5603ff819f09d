// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice Forces its ether into an account that may refuse ether.
contract Forcer {
    constructor(address payable target) payable {
        selfdestruct(target);
    }
}

/// @notice Makes several calls in one transaction, and returns the outcome of each.
contract OneTransaction {
    struct Call {
        address target;
        uint256 value;
        bytes data;
    }

    struct Result {
        bool success;
        bytes answer;
    }

    function run(Call[] calldata calls) external payable returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i; i < calls.length; i++) {
            (results[i].success, results[i].answer) = calls[i].target.call{value: calls[i].value}(calls[i].data);
        }
    }
}

/// @notice Makes a call with limited gas within a transaction, so that nothing of it is spent on the transaction.
contract LimitedCaller {
    function run(address target, uint256 gas, bytes calldata data) external returns (bool, bytes memory) {
        return target.call{gas: gas}(data);
    }
}

/// @notice Measures what a creation costs within a transaction.
contract GasMeter {
    function create(bytes memory code) external returns (uint256 gas) {
        address created;
        gas = gasleft();
        assembly {
            created := create(0, add(code, 32), mload(code))
        }
        gas -= gasleft();
        require(created != address(0), "not created");
    }
}
