// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../contracts/Chequebook.sol";
import {TermsBase} from "./TermsBase.s.sol";

/// @title Deploy
/// @notice Deploys a chequebook directly, and makes its first deposit. Create.s.sol costs less, and then each cash
/// more.
///
///     OWNER=0x… DEPOSIT=1000000000000000000 \
///         forge script script/Deploy.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - OWNER, SIGNER, NOTICE_PERIOD: as {TermsBase} says.
/// - DEPOSIT: the first deposit, in wei. Default: 0.
///
/// @dev Owner, signer and notice period never change. It is a plain CREATE, because before Cancun a chequebook at a
/// CREATE2 address could be created again after its death, and its old cheques could be cashed again.
contract Deploy is TermsBase {
    function run() external returns (Chequebook chequebook) {
        address sender = _sender();
        Terms memory terms = _terms(sender);
        uint256 deposit = _uintOr("DEPOSIT", 0);
        _requireFunds(sender, deposit);

        vm.broadcast();
        chequebook = new Chequebook{value: deposit}(terms.owner, terms.signer, terms.noticePeriod);

        _checkAndPrint(chequebook, terms, deposit);
    }
}
