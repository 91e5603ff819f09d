// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookFactory} from "chequebook-contracts/contracts/ChequebookFactory.sol";
import {IChequebook} from "chequebook-contracts/contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "chequebook-contracts/contracts/interfaces/IChequebookFactory.sol";
import {ChequeHash} from "chequebook-contracts/contracts/libraries/ChequeHash.sol";

interface Vm {
    function addr(uint256 key) external returns (address);
    function deal(address account, uint256 amount) external;
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
}

/// @notice Creates a chequebook, signs a cheque, and cashes it.
contract CashTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant KEY = 0xa11ce;

    function test_CashesACheque() public {
        IChequebookFactory factory = new ChequebookFactory();
        IChequebookFactory.Terms memory terms =
            IChequebookFactory.Terms({owner: address(this), signer: vm.addr(KEY), noticePeriod: 1 days, token: address(0)});
        vm.deal(address(this), 1 ether);
        IChequebook chequebook = factory.create{value: 1 ether}(IChequebookFactory.Form.Clone, terms, 0);

        address payable payee = payable(address(0xb0b));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, ChequeHash.packed(address(chequebook), payee, 42));
        chequebook.cashIfCovered(payee, 42, v, r, s);

        require(payee.balance == 42 && chequebook.sent(payee) == 42, "the payee was not paid");
    }
}
