// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

import {ChequebookClone} from "./ChequebookClone.sol";
import {IChequebook} from "./interfaces/IChequebook.sol";
import {IChequebookFactory} from "./interfaces/IChequebookFactory.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title ChequebookFactory
/// @notice Creates chequebooks as minimal clones. It has no owner, holds no ether and cannot be changed.
/// @dev It is created by the deterministic deployment proxy that most chains have, with salt zero. So it has the same
/// address on every chain, and no other code can be at that address.
contract ChequebookFactory is IChequebookFactory {
    /// @inheritdoc IChequebookFactory
    address public immutable implementation;

    /// @inheritdoc IChequebookFactory
    mapping(address chequebook => uint256 blockNumber) public bornAt;

    constructor() {
        implementation = address(new ChequebookClone());
    }

    /// @inheritdoc IChequebookFactory
    function predict(address owner, address signer, uint32 noticePeriod, bytes32 salt) external view returns (address) {
        return _predict(Terms.encode(owner, signer, noticePeriod), _salt(salt));
    }

    /// @inheritdoc IChequebookFactory
    function create(address owner, address signer, uint32 noticePeriod, bytes32 salt)
        external
        payable
        returns (IChequebook)
    {
        bytes memory terms = Terms.encode(owner, signer, noticePeriod);
        address chequebook = _predict(terms, _salt(salt));
        if (bornAt[chequebook] != 0) revert AlreadyCreated(chequebook);

        bornAt[chequebook] = block.number;

        emit Created({
            owner: owner,
            chequebook: chequebook,
            signer: Terms.signerFor(owner, signer),
            noticePeriod: noticePeriod,
            salt: salt
        });

        Clones.cloneDeterministicWithImmutableArgs(implementation, terms, _salt(salt), msg.value);

        return IChequebook(payable(chequebook));
    }

    function _predict(bytes memory terms, bytes32 salt) private view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(implementation, terms, salt);
    }

    /// @dev Makes the chain a part of the address.
    function _salt(bytes32 salt) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, salt));
    }
}
