// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {BaseTest} from "./Base.t.sol";
import {StandardToken} from "./mocks/Tokens.sol";

/// @notice A test of what holds for every form of a chequebook. It is abstract; one contract for each form runs it:
///
///     abstract contract DepositTest is FormTest {…}
///     contract DepositDirectTest is DepositTest, DirectForm {}
///     contract DepositCloneTest is DepositTest, CloneForm {}
///     contract DepositTokenTest is DepositTest, TokenForm {}
///
/// The form hides what the asset is. Where the rules differ, a test asks `_isClone` or `_isToken`.
abstract contract FormTest is BaseTest {
    ChequebookFactory internal immutable factory = _newFactory();
    uint256 private _creations;

    /* FORM */

    function _form() internal pure virtual returns (IChequebookFactory.Form);

    /// @dev The token; zero stands for ether.
    function _asset() internal view virtual returns (address);

    /// @dev How much of the asset an account has.
    function _balance(address account) internal view virtual returns (uint256);

    /// @dev Gives an account that is no chequebook some of the asset.
    function _give(address account, uint256 amount) internal virtual;

    /// @dev A stranger deposits.
    function _deposit(IChequebook chequebook, uint256 amount) internal virtual returns (bool success);

    /// @dev Adds to the balance in a way that the chequebook cannot refuse.
    function _force(IChequebook chequebook, uint256 amount) internal virtual;

    /// @dev Whether each call to the chequebook is delegated to an implementation, which costs more gas.
    function _isClone() internal pure returns (bool) {
        return _form() != IChequebookFactory.Form.Direct;
    }

    /// @dev Whether the asset is a token. Then a death is no selfdestruct: nothing is erased under any hardfork, what is
    /// paid runs code of the payee (the token of {TokenForm} calls it), and no deposit can be refused.
    function _isToken() internal pure returns (bool) {
        return _form() == IChequebookFactory.Form.Token;
    }

    /* CREATE */

    function _terms(address owner_, address signer_, uint32 notice)
        internal
        view
        returns (IChequebookFactory.Terms memory)
    {
        return IChequebookFactory.Terms(owner_, signer_, notice, _asset());
    }

    /// @dev Creates a chequebook of the form that is tested.
    function _create(address owner_, address signer_, uint32 notice, uint256 deposit)
        internal
        virtual
        returns (IChequebook chequebook)
    {
        uint256 value = _isToken() ? 0 : deposit;
        vm.deal(address(this), address(this).balance + value);
        chequebook = factory.create{value: value}(_form(), _terms(owner_, signer_, notice), bytes32(_creations++));
        if (value != deposit) _force(chequebook, deposit);
    }

    /// @dev A chequebook of `owner` and `signer` that may die: one block has passed since its creation.
    function _createInEarlierBlock(uint32 notice, uint256 deposit) internal returns (IChequebook chequebook) {
        chequebook = _createInThisBlock(notice, deposit);
        vm.roll(vm.getBlockNumber() + 1);
    }

    /// @dev A chequebook of `owner` and `signer` that cannot die yet.
    function _createInThisBlock(uint32 notice, uint256 deposit) internal returns (IChequebook) {
        return _create(owner.addr, signer.addr, notice, deposit);
    }
}

/// @notice Chequebooks that pay ether.
abstract contract EtherForm is FormTest {
    function _asset() internal pure override returns (address) {
        return address(0);
    }

    function _balance(address account) internal view override returns (uint256) {
        return account.balance;
    }

    function _give(address account, uint256 amount) internal override {
        vm.deal(account, account.balance + amount);
    }

    function _deposit(IChequebook chequebook, uint256 amount) internal override returns (bool) {
        return _sendEther(address(chequebook), amount);
    }

    function _force(IChequebook chequebook, uint256 amount) internal override {
        _forceEther(address(chequebook), amount);
    }
}

abstract contract DirectForm is EtherForm {
    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Direct;
    }
}

abstract contract CloneForm is EtherForm {
    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Clone;
    }
}

/// @notice Chequebooks that pay a token. A contract that it pays is called, as it is by a payment of ether, so that
/// payees behave the same.
abstract contract TokenForm is FormTest {
    StandardToken internal token = StandardToken(deployCode("Tokens.sol:CallbackToken"));

    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Token;
    }

    function _asset() internal view override returns (address) {
        return address(token);
    }

    function _balance(address account) internal view override returns (uint256) {
        return token.balanceOf(account);
    }

    function _give(address account, uint256 amount) internal override {
        token.mint(account, amount);
    }

    function _deposit(IChequebook chequebook, uint256 amount) internal override returns (bool) {
        token.mint(stranger, amount);
        vm.prank(stranger);
        return token.transfer(address(chequebook), amount);
    }

    function _force(IChequebook chequebook, uint256 amount) internal override {
        token.mint(address(chequebook), amount);
    }
}
