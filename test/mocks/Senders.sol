// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";

/// @notice Deploys chequebooks directly, so that their creation code is not part of every test.
contract DirectDeployer {
    function deploy(address owner, address signer, uint32 notice) external payable returns (Chequebook) {
        return new Chequebook{value: msg.value}(owner, signer, notice);
    }
}

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

/// @notice Creates chequebooks at addresses that follow from the salt and the constructor's arguments alone (CREATE2).
contract Create2Deployer {
    function deploy(bytes32 salt, address owner, address signer, uint32 notice) external payable returns (Chequebook) {
        return new Chequebook{salt: salt, value: msg.value}(owner, signer, notice);
    }

    function predict(bytes32 salt, address owner, address signer, uint32 notice) external view returns (address) {
        bytes memory initcode = abi.encodePacked(type(Chequebook).creationCode, abi.encode(owner, signer, notice));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, keccak256(initcode)));
        return address(uint160(uint256(hash)));
    }
}
