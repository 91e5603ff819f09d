// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../contracts/Chequebook.sol";
import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {BaseTest} from "./Base.t.sol";
import {DirectDeployer} from "./mocks/Senders.sol";

/// @notice A test of what holds for every form of a chequebook. It is abstract; one contract for each form runs it:
///
///     abstract contract DepositTest is FormTest {…}
///     contract DepositDirectTest is DepositTest, DirectForm {}
///     contract DepositCloneTest is DepositTest, CloneForm {}
///
/// @dev A clone has the functions of a {Chequebook}, so all tests use that type.
abstract contract FormTest is BaseTest {
    /// @dev Creates a chequebook of the form that is tested.
    function _create(address owner_, address signer_, uint32 notice, uint256 deposit)
        internal
        virtual
        returns (Chequebook);

    /// @dev Whether each call to the chequebook is delegated to an implementation, which costs more gas.
    function _isClone() internal pure virtual returns (bool);

    /// @dev A chequebook of `owner` and `signer` that may die: one block has passed since its creation.
    function _createInEarlierBlock(uint32 notice, uint256 deposit) internal returns (Chequebook chequebook) {
        chequebook = _createInThisBlock(notice, deposit);
        vm.roll(vm.getBlockNumber() + 1);
    }

    /// @dev A chequebook of `owner` and `signer` that cannot die yet.
    function _createInThisBlock(uint32 notice, uint256 deposit) internal returns (Chequebook chequebook) {
        vm.deal(owner.addr, owner.addr.balance + deposit);
        vm.prank(owner.addr);
        chequebook = _create(owner.addr, signer.addr, notice, deposit);
    }
}

/// @notice Chequebooks that are deployed directly.
abstract contract DirectForm is FormTest {
    DirectDeployer private immutable _deployer = DirectDeployer(deployCode("Senders.sol:DirectDeployer"));

    function _create(address owner_, address signer_, uint32 notice, uint256 deposit)
        internal
        override
        returns (Chequebook)
    {
        return _deployer.deploy{value: deposit}(owner_, signer_, notice);
    }

    function _isClone() internal pure override returns (bool) {
        return false;
    }
}

/// @notice Chequebooks that are clones, created by the factory.
abstract contract CloneForm is FormTest {
    ChequebookFactory internal immutable factory = _newFactory();
    uint256 private _salt;

    function _create(address owner_, address signer_, uint32 notice, uint256 deposit)
        internal
        override
        returns (Chequebook)
    {
        address chequebook = address(factory.create{value: deposit}(owner_, signer_, notice, bytes32(_salt++)));
        return Chequebook(payable(chequebook));
    }

    function _isClone() internal pure override returns (bool) {
        return true;
    }
}
