// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {DepositBase} from "./DepositBase.s.sol";
import {TermsBase} from "./TermsBase.s.sol";

/// @title Create
/// @notice Creates a chequebook of any form, through the factory, and makes its first deposit.
///
///     FORM=clone OWNER=0x… DEPOSIT=1000000000000000000 \
///         forge script script/Create.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - FORM, TOKEN, OWNER, SIGNER, NOTICE_PERIOD, SALT: as {TermsBase} says.
/// - DEPOSIT: the first deposit, in wei, or in the smallest unit of the token. Default: 0. What was sent to the address
///   before is part of the deposit. Tokens are sent in a second transaction.
/// - ALLOW_ENDING: as {DepositBase} says, for a chequebook that exists already.
///
/// Anyone may create the chequebook first: its terms are the same. Then this only deposits, if it is neither erased nor
/// dead nor ending; without a deposit it fails with {IChequebookFactory-AlreadyCreated}.
///
///     FORM=clone OWNER=0x… forge script script/Create.s.sol --sig "predict()" --rpc-url $RPC_URL
///
/// prints the address of the chequebook, which may be created already or counterfactual, and sends nothing.
///
/// @dev If somebody else creates it between the checks and this transaction, that reverts and no ether leaves the
/// sender. Run it again.
contract Create is TermsBase, DepositBase {
    function run() external returns (address chequebook) {
        address sender = _sender();
        IChequebookFactory.Form form = _form();
        IChequebookFactory.Terms memory terms = _terms(sender, form);
        uint256 deposit = _uintOr("DEPOSIT", 0);
        chequebook = _predict(form, terms);
        Known memory known = Known(IChequebook(payable(chequebook)), form, IERC20(terms.token));

        if (_record(chequebook).bornAt == 0) _create(sender, known, terms, deposit);
        else if (deposit == 0) revert IChequebookFactory.AlreadyCreated(chequebook);
        else _depositOnly(sender, chequebook, deposit);

        _print(known);
        if (terms.noticePeriod == 0) {
            console.log("Warning: no notice period. The owner may take the deposit at any moment.");
        }
    }

    /// @notice Prints the address of the chequebook. $OWNER is required, because there is no sender.
    function predict() external view returns (address chequebook) {
        IChequebookFactory.Form form = _form();
        IChequebookFactory.Terms memory terms = _terms(vm.envAddress("OWNER"), form);
        chequebook = _predict(form, terms);

        uint256 bornAt = _record(chequebook).bornAt;
        if (bornAt != 0) {
            console.log("Created:       in the block %s", bornAt);
            _print(_lookUp(chequebook));
            return chequebook;
        }
        console.log("Created:       not yet");
        console.log("Chequebook:    %s", chequebook);
        console.log("Form:          %s", _name(form));
        Known memory known = Known(IChequebook(payable(chequebook)), form, IERC20(terms.token));
        _printAmount("Balance:      ", known.token, _balance(known));
    }

    function _predict(IChequebookFactory.Form form, IChequebookFactory.Terms memory terms)
        private
        view
        returns (address)
    {
        IChequebookFactory factory = _factory();
        _requireOnThisChain("factory", address(factory));

        return factory.predict(form, terms, _salt());
    }

    /// @dev The first deposit of ether is the value of the creation.
    function _create(address sender, Known memory known, IChequebookFactory.Terms memory terms, uint256 deposit)
        private
    {
        _requireFunds(sender, known, deposit);
        uint256 value = _isEther(known.token) ? deposit : 0;
        uint256 balance = _balance(known) + value;

        vm.broadcast();
        _factory().create{value: value}(known.form, terms, _salt());

        vm.assertEq(known.chequebook.owner(), terms.owner, "owner");
        vm.assertEq(known.chequebook.signer(), terms.signer, "signer");
        vm.assertEq(known.chequebook.noticePeriod(), terms.noticePeriod, "notice period");
        vm.assertEq(_balance(known), balance, "balance");

        _printAction("Creation");
        if (value != deposit) _deposit(sender, known, deposit);
    }

    function _depositOnly(address sender, address chequebook, uint256 deposit) private {
        console.log("The chequebook is created already, so this only deposits.");
        _deposit(sender, _lookUp(chequebook), deposit);
    }
}
