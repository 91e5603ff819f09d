// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

import {Chequebook} from "./Chequebook.sol";
import {ChequebookClone} from "./ChequebookClone.sol";
import {TokenChequebook} from "./TokenChequebook.sol";
import {IChequebook, IOwned} from "./interfaces/IChequebook.sol";
import {IChequebookFactory} from "./interfaces/IChequebookFactory.sol";

/// @title ChequebookFactory
/// @notice Creates every chequebook. It has no owner, holds no ether and cannot be changed.
/// @dev The deterministic deployment proxy, which most chains have, creates it with salt zero. So it has the same
/// address on every chain, and only exactly this code can have that address.
contract ChequebookFactory is IChequebookFactory {
    /// @inheritdoc IChequebookFactory
    address public immutable implementation;

    /// @inheritdoc IChequebookFactory
    address public immutable tokenImplementation;

    mapping(address chequebook => Record) private _records;

    constructor() {
        implementation = address(new ChequebookClone());
        tokenImplementation = address(new TokenChequebook());
    }

    /* READ */

    /// @inheritdoc IChequebookFactory
    function record(address chequebook) external view returns (Record memory) {
        return _records[chequebook];
    }

    /// @inheritdoc IChequebookFactory
    function bornAt(address chequebook) external view returns (uint256) {
        return _records[chequebook].bornAt;
    }

    /// @inheritdoc IChequebookFactory
    function predict(Form form, Terms memory terms, bytes32 salt) external view returns (address) {
        bytes memory code = _creationCode(form, terms, _requireValid(form, terms));

        return Create2.computeAddress(_bind(salt), keccak256(code));
    }

    /* CREATE */

    /// @inheritdoc IChequebookFactory
    function create(Form form, Terms memory terms, bytes32 salt) external payable returns (IChequebook) {
        address signer = _requireValid(form, terms);
        if (form == Form.Token) _requireToken(terms.token);
        bytes memory code = _creationCode(form, terms, signer);
        bytes32 bound = _bind(salt);
        address chequebook = Create2.computeAddress(bound, keccak256(code));
        // First: a creation at an address that has code burns all gas.
        Record storage known = _records[chequebook];
        if (known.bornAt != 0) revert AlreadyCreated(chequebook);

        known.bornAt = uint64(block.number);
        known.form = form;
        known.token = terms.token;

        emit Created({owner: terms.owner, chequebook: chequebook, token: terms.token});

        Create2.deploy(msg.value, bound, code);

        return IChequebook(payable(chequebook));
    }

    /// @dev Returns the signer that is meant.
    function _requireValid(Form form, Terms memory terms) private pure returns (address) {
        if (form == Form.None) revert NoForm();
        if (terms.owner == address(0)) revert IOwned.ZeroOwner();
        if ((form == Form.Token) != (terms.token != address(0))) revert InvalidToken(form, terms.token);

        return terms.signer == address(0) ? terms.owner : terms.signer;
    }

    function _requireToken(address token) private view {
        if (token.code.length == 0) revert InvalidToken(Form.Token, token);
        if (msg.value != 0) revert EtherRefused();
    }

    /* ADDRESSES */

    /// @dev What CREATE2 runs, and what the address follows from. Both kinds of clone are the bytes of ERC-1167, with
    /// the terms behind them ({CloneBase}).
    function _creationCode(Form form, Terms memory terms, address signer) private view returns (bytes memory) {
        if (form == Form.Direct) {
            return bytes.concat(type(Chequebook).creationCode, abi.encode(terms.owner, signer, terms.noticePeriod));
        }
        if (form == Form.Clone) {
            return abi.encodePacked(
                hex"6100593d81600a3d39f3363d3d373d3d3d363d73",
                implementation,
                hex"5af43d82803e903d91602b57fd5bf3",
                terms.owner,
                signer,
                terms.noticePeriod
            );
        }
        return abi.encodePacked(
            hex"61006d3d81600a3d39f3363d3d373d3d3d363d73",
            tokenImplementation,
            hex"5af43d82803e903d91602b57fd5bf3",
            terms.owner,
            signer,
            terms.noticePeriod,
            terms.token
        );
    }

    /// @dev Binds a salt to the chain.
    function _bind(bytes32 salt) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, salt));
    }
}
