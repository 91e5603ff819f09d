// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

import {Mortal} from "./Mortal.sol";
import {IChequebook} from "./interfaces/IChequebook.sol";
import {ChequeHash} from "./libraries/ChequeHash.sol";

/// @title ChequebookBase
/// @notice A deposit from which signed cheques are paid: the rules, which all forms share. {Chequebook} and {CloneBase}
/// define where owner, signer, notice period and the block of creation are stored; {Asset} is what is paid with.
abstract contract ChequebookBase is IChequebook, Mortal {
    /// @inheritdoc IChequebook
    mapping(address beneficiary => uint256 amount) public sent;

    /// @inheritdoc IChequebook
    function signer() public view virtual returns (address);

    /* CASH */

    /// @inheritdoc IChequebook
    function cash(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, _packedDigest(beneficiary, amount), v, r, s);
    }

    /// @inheritdoc IChequebook
    function cashTyped(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, _typedDigest(beneficiary, amount), v, r, s);
    }

    /// @inheritdoc IChequebook
    function cashIfCovered(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, _packedDigest(beneficiary, amount), v, r, s);
    }

    /// @inheritdoc IChequebook
    function cashTypedIfCovered(address payable beneficiary, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        _cash(beneficiary, amount, _typedDigest(beneficiary, amount), v, r, s);
    }

    /// @dev Each signature exists with a low and with a high `s`. Both are accepted: they sign the same amount, which
    /// is paid once. `ecrecover` answers zero for a malformed signature; no chequebook has the signer zero, but an
    /// account that delegates to the code of a clone has (EIP-7702).
    function _cash(address payable beneficiary, uint256 amount, bytes32 digest, uint8 v, bytes32 r, bytes32 s) private {
        uint256 already = sent[beneficiary];

        if (beneficiary == address(this)) revert InvalidBeneficiary(beneficiary);
        if (amount <= already) revert StaleCheque(amount, already);
        address recovered = ecrecover(digest, v, r, s);
        if (recovered == address(0) || recovered != signer()) revert InvalidSignature();

        uint256 owed = amount - already;
        uint256 balance = _balance();
        if (owed > balance) return _overdraw(beneficiary, already, owed, balance);

        sent[beneficiary] = amount;

        emit Cashed({beneficiary: beneficiary, paid: owed});

        _pay(beneficiary, owed);
    }

    /// @dev Credits no more than what is paid. The selector tells whether the caller accepts an overdraft: for a
    /// parameter of `_cash` the compiler would write that function twice, which costs a direct chequebook 160 bytes.
    function _overdraw(address payable beneficiary, uint256 already, uint256 owed, uint256 balance) private {
        if (msg.sig != this.cash.selector && msg.sig != this.cashTyped.selector) revert NotCovered(owed, balance);

        sent[beneficiary] = already + balance;

        emit Cashed({beneficiary: beneficiary, paid: balance});
        emit Overdraft({deadbeat: owner()});

        _die(beneficiary, balance);
    }

    /* DIGESTS */

    function _packedDigest(address beneficiary, uint256 amount) private view returns (bytes32) {
        return ChequeHash.packed(address(this), beneficiary, amount);
    }

    function _typedDigest(address beneficiary, uint256 amount) private view returns (bytes32) {
        return ChequeHash.typed(block.chainid, address(this), beneficiary, amount);
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", "Chequebook", "1", block.chainid, address(this), 0, new uint256[](0));
    }
}
