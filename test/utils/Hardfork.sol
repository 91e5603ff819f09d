// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";

/// @notice Cheatcodes of forge that the installed forge-std does not declare.
interface HardforkVm {
    function setEvmVersion(string calldata evm) external;
}

/// @notice Finds out from the EVM itself which hardfork it runs, by trying what each one added. If forge ignored the
/// setting, the whole suite would otherwise run under one hardfork four times.
library Hardfork {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    string internal constant SHANGHAI = "shanghai";
    string internal constant CANCUN = "cancun";
    string internal constant PRAGUE = "prague";
    string internal constant OSAKA = "osaka";

    function running() internal returns (string memory) {
        if (_runs(hex"5f1e00")) return OSAKA; // CLZ, EIP-7939
        if (!_accepts(address(0x0b))) return PRAGUE; // BLS12_G1ADD refuses an empty input, EIP-2537
        if (_runs(hex"5f5c00")) return CANCUN; // TLOAD, EIP-1153
        return SHANGHAI;
    }

    /// @notice Whether code and storage survive a selfdestruct, EIP-6780.
    function codeSurvives() internal returns (bool) {
        return _runs(hex"5f5c00");
    }

    /// @notice Switches the hardfork from the next transaction on.
    function set(string memory hardfork) internal {
        HardforkVm(address(vm)).setEvmVersion(hardfork);
    }

    function _runs(bytes memory code) private returns (bool) {
        address probe = address(uint160(uint256(keccak256("hardfork probe"))));
        vm.etch(probe, code);
        return _accepts(probe);
    }

    function _accepts(address target) private returns (bool success) {
        (success,) = target.call{gas: 100_000}("");
    }
}
