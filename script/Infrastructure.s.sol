// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {ClearingHouse} from "../contracts/ClearingHouse.sol";
import {Base} from "./Base.s.sol";

/// @title Infrastructure
/// @notice Creates the factory and the clearing house, each unless it exists already. Their addresses are the same on
/// every chain.
///
///     forge script script/Infrastructure.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// @dev Neither has an owner, and anyone may create them. Their addresses follow from their code, because the
/// deterministic deployment proxy, which most chains have, creates them.
contract Infrastructure is Base {
    function run() external {
        _sender();
        _requireOnThisChain("deployment proxy", CREATE2_FACTORY);
        (address factory, address house) = _addresses();

        if (factory.code.length == 0) {
            vm.broadcast();
            vm.assertEq(address(new ChequebookFactory{salt: 0}()), factory, "factory");
            _printAction("Factory");
        }
        if (house.code.length == 0) {
            vm.broadcast();
            vm.assertEq(address(new ClearingHouse{salt: 0}()), house, "clearing house");
            _printAction("Clearing house");
        }
        _print(factory, house);
    }

    /// @notice Prints both addresses, and whether the contracts exist on this chain. Sends nothing.
    function show() external view override {
        (address factory, address house) = _addresses();
        _print(factory, house);
    }

    function _addresses() private pure returns (address factory, address house) {
        return (address(_factory()), _standardAddress(type(ClearingHouse).creationCode));
    }

    function _print(address factory, address house) private view {
        console.log("Factory:        %s %s", factory, factory.code.length == 0 ? "(missing)" : "(there)");
        console.log("Clearing house: %s %s", house, house.code.length == 0 ? "(missing)" : "(there)");
    }
}
