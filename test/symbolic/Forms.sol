// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {Harness} from "./Harness.sol";
import {SymbolicToken} from "./SymbolicToken.sol";

/// @notice An arbitrary chequebook in an arbitrary state, for the proofs of what holds for every form:
///
///     abstract contract CashProofs is Form {…}
///     contract CashDirect is CashProofs, DirectForm {}
abstract contract Form is Harness {
    /// @dev What a chequebook is created with, and the block and the time in which it is called.
    struct World {
        address owner;
        address signer;
        uint32 notice;
        uint256 birthBlock;
        uint256 number;
        uint256 time;
        uint256 balance;
    }

    function _create(World memory world) internal virtual returns (IChequebook);

    /// @dev The name of an interface with all functions of the form.
    function _interface() internal pure virtual returns (string memory);

    function _setBalance(IChequebook book, uint256 balance) internal virtual;

    function _balance(address account) internal view virtual returns (uint256);

    /// @dev Assumes that `account` accepts payments.
    function _assumeAccepts(address account) internal view virtual;

    /// @dev An arbitrary state: storage is symbolic. The assumptions are those of docs/proofs.md.
    function _book(World memory world) internal returns (IChequebook book) {
        vm.assume(world.owner != address(0) && world.signer != address(0)); // the factory
        vm.assume(world.birthBlock <= world.number);
        vm.assume(world.time < 2 ** 64);
        vm.assume(world.balance < 2 ** 96);

        vm.roll(world.birthBlock);
        book = _create(world);
        vm.roll(world.number);
        vm.warp(world.time);
        svm.enableSymbolicStorage(address(book));
        _setBalance(book, world.balance);
        vm.assume(world.owner != address(book));
    }
}

abstract contract EtherForm is Form {
    function _interface() internal pure override returns (string memory) {
        return "IChequebook";
    }

    function _setBalance(IChequebook book, uint256 balance) internal override {
        vm.deal(address(book), balance);
    }

    function _balance(address account) internal view override returns (uint256) {
        return account.balance;
    }

    function _assumeAccepts(address account) internal view override {
        vm.assume(account.code.length == 0);
    }
}

abstract contract DirectForm is EtherForm {
    function _create(World memory world) internal override returns (IChequebook) {
        return IChequebook(
            _deploy(
                bytes.concat(
                    _code("StandIns.sol", "StandInChequebook"), abi.encode(world.owner, world.signer, world.notice)
                )
            )
        );
    }
}

/// @dev The proof stands in for the factory: it creates the implementation, and knows the block of creation.
abstract contract CloneForm is EtherForm {
    address private immutable _implementation = _deploy(_code("StandIns.sol", "StandInClone"));
    uint256 private _birthBlock;

    function bornAt(address) external view returns (uint256) {
        return _birthBlock;
    }

    function _create(World memory world) internal override returns (IChequebook) {
        _birthBlock = world.birthBlock;

        return IChequebook(
            _deploy(
                abi.encodePacked(
                    hex"6100593d81600a3d39f3363d3d373d3d3d363d73",
                    _implementation,
                    hex"5af43d82803e903d91602b57fd5bf3",
                    world.owner,
                    world.signer,
                    world.notice
                )
            )
        );
    }
}

abstract contract TokenForm is Form {
    SymbolicToken internal immutable token = new SymbolicToken();
    address private immutable _implementation = _deploy(_code("TokenChequebook.sol", "TokenChequebook"));
    uint256 private _birthBlock;

    function bornAt(address) external view returns (uint256) {
        return _birthBlock;
    }

    function _interface() internal pure override returns (string memory) {
        return "ITokenChequebook";
    }

    function _setBalance(IChequebook book, uint256 balance) internal override {
        svm.enableSymbolicStorage(address(token));
        token.set(address(book), balance);
    }

    function _balance(address account) internal view override returns (uint256) {
        return token.balanceOf(account);
    }

    function _assumeAccepts(address account) internal view override {
        vm.assume(token.mood(account) == 0 || token.mood(account) == 4);
        vm.assume(token.balanceOf(account) < 2 ** 128);
    }

    function _create(World memory world) internal override returns (IChequebook) {
        _birthBlock = world.birthBlock;

        return IChequebook(
            _deploy(
                abi.encodePacked(
                    hex"61006d3d81600a3d39f3363d3d373d3d3d363d73",
                    _implementation,
                    hex"5af43d82803e903d91602b57fd5bf3",
                    world.owner,
                    world.signer,
                    world.notice,
                    address(token)
                )
            )
        );
    }
}
