// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Asset, EtherAsset} from "../../contracts/Asset.sol";
import {Chequebook} from "../../contracts/Chequebook.sol";
import {ChequebookClone} from "../../contracts/ChequebookClone.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice halmos has no SELFDESTRUCT. This does what the opcode does since Cancun: it moves the ether at once, runs no
/// code of the recipient, and stops. Only the erasure before Cancun is missing. StandIn.t.sol compares the two.
library Selfdestruct {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function standIn(address payable recipient) internal {
        vm.deal(recipient, recipient.balance + address(this).balance);
        vm.deal(address(this), 0);

        assembly ("memory-safe") {
            stop()
        }
    }
}

contract StandInChequebook is Chequebook {
    constructor(address owner_, address signer_, uint32 noticePeriod_)
        payable
        Chequebook(owner_, signer_, noticePeriod_)
    {}

    function _release(address payable recipient, uint256) internal override(Asset, EtherAsset) {
        Selfdestruct.standIn(recipient);
    }
}

contract StandInClone is ChequebookClone {
    function _release(address payable recipient, uint256) internal override(Asset, EtherAsset) {
        Selfdestruct.standIn(recipient);
    }
}
