// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Mortal} from "./Mortal.sol";
import {IChequebook} from "./interfaces/IChequebook.sol";
import {ChequeHash} from "./libraries/ChequeHash.sol";

/// @title ChequebookBase
/// @notice A deposit from which signed cheques are paid: the rules, which all forms share. The forms, {Chequebook} and
/// {ChequebookClone}, define where owner, signer, notice period and the block of creation are stored.
abstract contract ChequebookBase is IChequebook, Mortal {
    /// @inheritdoc IChequebook
    mapping(address beneficiary => uint256 amount) public sent;

    /// @inheritdoc IChequebook
    function signer() public view virtual returns (address);

    /* DEPOSIT */

    /// @inheritdoc IChequebook
    receive() external payable alive {}

    /* CASH */

    /// @inheritdoc IChequebook
    function cash(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, ChequeHash.packed(address(this), beneficiary, amount), v, r, s);
    }

    /// @inheritdoc IChequebook
    function cashTyped(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, ChequeHash.typed(block.chainid, address(this), beneficiary, amount), v, r, s);
    }

    /// @dev Each signature exists with a low and with a high `s`. Both are accepted: they sign the same amount, which
    /// is paid once. `ecrecover` answers zero for a malformed signature, and the signer is never zero.
    function _cash(address payable beneficiary, uint256 amount, bytes32 digest, uint8 v, bytes32 r, bytes32 s) private {
        uint256 already = sent[beneficiary];

        if (beneficiary == address(this)) revert InvalidBeneficiary(beneficiary);
        if (amount <= already) revert StaleCheque(amount, already);
        if (ecrecover(digest, v, r, s) != signer()) revert InvalidSignature();

        uint256 paid = amount - already;
        bool covered = paid <= address(this).balance;
        if (!covered) paid = address(this).balance; // credit no more than what is paid

        sent[beneficiary] = already + paid;

        emit Cashed({beneficiary: beneficiary, paid: paid});

        if (covered) {
            (bool success,) = beneficiary.call{value: paid}("");
            if (!success) revert PaymentFailed();
        } else {
            emit Overdraft({deadbeat: owner()});
            _die(beneficiary);
        }
    }
}
