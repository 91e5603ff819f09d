// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {Harness} from "./Harness.sol";
import {SymbolicToken} from "./SymbolicToken.sol";

/// @notice The factory itself, its implementations, and the chequebooks that it creates, with nothing replaced.
abstract contract FactoryProofs is Harness {
    IChequebookFactory internal immutable factory =
        IChequebookFactory(_deploy(_code("ChequebookFactory.sol", "ChequebookFactory")));
    SymbolicToken internal immutable token = new SymbolicToken();

    function _form() internal pure virtual returns (IChequebookFactory.Form);

    function _terms(address owner, address signer, uint32 notice)
        internal
        view
        returns (IChequebookFactory.Terms memory)
    {
        address asset = _form() == IChequebookFactory.Form.Token ? address(token) : address(0);
        return IChequebookFactory.Terms({owner: owner, signer: signer, noticePeriod: notice, token: asset});
    }

    function _create(IChequebookFactory.Terms memory terms, bytes32 salt)
        internal
        returns (bool success, bytes memory)
    {
        return address(factory).call(abi.encodeCall(IChequebookFactory.create, (_form(), terms, salt)));
    }

    /// A chequebook has the terms that it was created with, and starts alive and unannounced, with a record.
    function check_terms_read_back(address owner, address signer, uint32 notice, bytes32 salt, uint256 number) public {
        vm.assume(owner != address(0));
        vm.assume(number != 0 && number < 2 ** 64);
        vm.roll(number);
        IChequebookFactory.Terms memory terms = _terms(owner, signer, notice);

        IChequebook book = factory.create(_form(), terms, salt);

        assert(book.owner() == owner);
        assert(book.signer() == (signer == address(0) ? owner : signer));
        assert(book.noticePeriod() == notice);
        assert(book.killableAt() == 0);
        if (_form() == IChequebookFactory.Form.Token) {
            assert(address(ITokenChequebook(payable(address(book))).token()) == address(token));
        }
        IChequebookFactory.Record memory known = factory.record(address(book));
        assert(known.bornAt == number && known.form == _form() && known.token == terms.token);
        assert(factory.predict(_form(), terms, salt) == address(book));
    }

    function check_terms_read_back_reachable(address owner, address signer, uint32 notice, bytes32 salt) public {
        (bool success,) = _create(_terms(owner, signer, notice), salt);
        assert(!success);
    }

    /// No address twice: with a record, arbitrary otherwise, and without code, as when the account was erased.
    function check_never_one_address_twice(address owner, address signer, uint32 notice, bytes32 salt) public {
        vm.assume(owner != address(0));
        svm.enableSymbolicStorage(address(factory));
        IChequebookFactory.Terms memory terms = _terms(owner, signer, notice);
        address book = factory.predict(_form(), terms, salt);
        vm.assume(factory.bornAt(book) != 0);

        (bool success, bytes memory thrown) = _create(terms, salt);

        assert(!success);
        assert(keccak256(thrown) == keccak256(abi.encodeWithSelector(IChequebookFactory.AlreadyCreated.selector, book)));
    }

    /// No call at all changes the record of what was created.
    function check_record_never_changes(address caller, bool raw, address other, uint256 number) public {
        vm.assume(number != 0 && number < 2 ** 64);
        vm.roll(number);
        svm.enableSymbolicStorage(address(factory));
        vm.assume(factory.bornAt(other) != 0);
        bytes32 slot = keccak256(abi.encode(other, uint256(0)));
        bytes32 known = vm.load(address(factory), slot);
        bytes memory data = raw ? svm.createBytes(196, "calldata") : svm.createCalldata("IChequebookFactory", true);

        vm.prank(caller);
        (bool success,) = address(factory).call(data);
        success;

        assert(vm.load(address(factory), slot) == known);
    }

    function check_record_never_changes_reachable(bool raw, address other, uint256 number) public {
        vm.assume(number != 0 && number < 2 ** 64);
        vm.roll(number);
        svm.enableSymbolicStorage(address(factory));
        bytes32 slot = keccak256(abi.encode(other, uint256(0)));
        bytes32 known = vm.load(address(factory), slot);
        bytes memory data = raw ? svm.createBytes(196, "calldata") : svm.createCalldata("IChequebookFactory", true);

        (bool success,) = address(factory).call(data);
        success;

        assert(vm.load(address(factory), slot) == known);
    }

    /// The implementations change nothing and move nothing, whoever calls them with what.
    function check_implementation_is_inert(address caller, uint256 value, uint256 balance, bool raw, address who)
        public
    {
        address target =
            _form() == IChequebookFactory.Form.Token ? factory.tokenImplementation() : factory.implementation();
        IChequebook book = IChequebook(payable(target));
        vm.assume(value < 2 ** 96 && balance < 2 ** 96 && caller != target);
        vm.deal(target, balance);
        vm.deal(caller, value);
        bytes memory data = _anyCalldata("ITokenChequebook", raw);

        vm.prank(caller);
        (bool success,) = target.call{value: value}(data);

        assert(target.balance == balance);
        assert(book.killableAt() == NEVER && book.sent(who) == 0);
        if (success) assert(!_isCash(data));
    }
}

contract FactoryDirect is FactoryProofs {
    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Direct;
    }
}

contract FactoryClone is FactoryProofs {
    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Clone;
    }
}

contract FactoryToken is FactoryProofs {
    function _form() internal pure override returns (IChequebookFactory.Form) {
        return IChequebookFactory.Form.Token;
    }
}
