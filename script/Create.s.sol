// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {TermsBase} from "./TermsBase.s.sol";

/// @title Create
/// @notice Creates a chequebook as a clone, through the factory, and makes its first deposit.
///
///     OWNER=0x… DEPOSIT=1000000000000000000 \
///         forge script script/Create.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - OWNER, SIGNER, NOTICE_PERIOD: as {TermsBase} says.
/// - SALT: 32 bytes. Chequebooks with the same terms and different salts have different addresses. Default: zero.
/// - DEPOSIT: the first deposit, in wei. Default: 0. Ether that was sent to the address before is part of the deposit.
///
///     OWNER=0x… forge script script/Create.s.sol --sig "predict()" --rpc-url $RPC_URL
///
/// prints the address of the chequebook, which may be created already or counterfactual, and sends nothing.
contract Create is TermsBase {
    function run() external returns (Chequebook chequebook) {
        address sender = _sender();
        Terms memory terms = _terms(sender);
        uint256 deposit = _uintOr("DEPOSIT", 0);
        _requireFunds(sender, deposit);
        IChequebookFactory factory = _factory();
        address predicted = _predict(terms);
        if (factory.bornAt(predicted) != 0) revert IChequebookFactory.AlreadyCreated(predicted);
        uint256 balance = predicted.balance + deposit;

        vm.broadcast();
        factory.create{value: deposit}(terms.owner, terms.signer, terms.noticePeriod, _salt());

        chequebook = Chequebook(payable(predicted));
        _checkAndPrint(chequebook, terms, balance);
    }

    /// @notice Prints the address of the chequebook. $OWNER is required, because there is no sender.
    function predict() external view returns (address chequebook) {
        Terms memory terms = _terms(vm.envAddress("OWNER"));
        chequebook = _predict(terms);
        console.log("Chequebook:    %s", chequebook);
        _printWei("Balance:      ", chequebook.balance);
        bool created = _factory().bornAt(chequebook) != 0;
        console.log("Created:       %s", created ? "yes" : "not yet");
    }

    function _predict(Terms memory terms) private view returns (address) {
        IChequebookFactory factory = _factory();
        _requireOnThisChain("factory", address(factory));

        return factory.predict(terms.owner, terms.signer, terms.noticePeriod, _salt());
    }

    function _salt() private view returns (bytes32) {
        return vm.envExists("SALT") ? vm.envBytes32("SALT") : bytes32(0);
    }
}
