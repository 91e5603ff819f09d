// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {CloneBase} from "../../contracts/CloneBase.sol";
import {IChequebook, IMortal, IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {CloneForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice The implementation of the clones has no owner and no signer, takes no ether and cannot be destroyed; nor has
/// an account that delegates to it (EIP-7702).
abstract contract ImplementationTest is FormTest {
    IChequebook private implementation;
    IChequebook private delegated;

    function setUp() public {
        Hardfork.set(Hardfork.PRAGUE); // brings EIP-7702
        implementation = IChequebook(payable(_isToken() ? factory.tokenImplementation() : factory.implementation()));
        delegated = IChequebook(payable(makeAddr("delegated")));
        vm.etch(address(delegated), abi.encodePacked(hex"ef0100", implementation));
        vm.roll(vm.getBlockNumber() + 1);
    }

    function test_IsNoChequebookOfTheFactory() public view {
        assertEq(uint8(factory.record(address(implementation)).form), uint8(IChequebookFactory.Form.None));
        assertEq(uint8(factory.record(address(delegated)).form), uint8(IChequebookFactory.Form.None));
    }

    /// @dev A clone contains the address of its implementation, so its own address follows from that of the factory.
    function test_IsTheFirstContractOfTheFactory_AndOfTokensTheSecond() public view {
        assertEq(address(implementation), vm.computeCreateAddress(address(factory), _isToken() ? 2 : 1));
    }

    /* THE IMPLEMENTATION */

    function test_HasNoTermsAndIsDeadFromTheBeginning() public {
        assertEq(implementation.killableAt(), NEVER);
        _refuses(address(0), abi.encodeCall(IOwned.owner, ()));
        _refuses(address(0), abi.encodeCall(IChequebook.signer, ()));
        _refuses(address(0), abi.encodeCall(IMortal.noticePeriod, ()));
        if (_isToken()) _refuses(address(0), abi.encodeCall(ITokenChequebook.token, ()));
    }

    function test_TakesNoEther() public {
        vm.expectRevert(_isToken() ? ITokenChequebook.EtherRefused.selector : IMortal.Dead.selector);
        this.send(payable(implementation));

        assertFalse(_sendEther(address(implementation), 1));
    }

    function send(address payable to) external {
        (bool success, bytes memory answer) = to.call("");
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function testFuzz_ObeysNobody(address caller) public {
        _refuses(caller, abi.encodeCall(IMortal.announceKill, ()));
        _refuses(caller, abi.encodeCall(IMortal.cancelKill, ()));
        _refuses(caller, abi.encodeCall(IMortal.kill, ()));
        if (_isToken()) _refuses(caller, abi.encodeCall(ITokenChequebook.reclaim, ()));
        assertGt(_codeSize(address(implementation)), 0);
    }

    /// @dev Even if it has some of the asset.
    function testFuzz_CashesNoCheque(uint256 key, uint256 amount, bool typed, bool covered) public {
        _force(implementation, 1 ether);
        amount = bound(amount, 1, 2 ether);
        Scheme scheme = _scheme(typed);
        Signature memory good = Cheques.sign(scheme, boundPrivateKey(key), address(implementation), payee, amount);

        _refuses(
            stranger,
            covered ? Cheques.coveredCall(scheme, payee, amount, good) : Cheques.cashCall(scheme, payee, amount, good)
        );
        _cashesNoGarbage(implementation, scheme, amount);
        assertGt(_codeSize(address(implementation)), 0);
    }

    function _refuses(address caller, bytes memory call) private {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(implementation).call(call);
        assertFalse(success);
        assertEq(answer, _error(CloneBase.NotAClone.selector));
    }

    /* A DELEGATED ACCOUNT */

    /// @dev It has no terms behind its code, so it reads zero for all of them.
    function test_ADelegatedAccount_HasTheTermsZero() public view {
        assertEq(delegated.owner(), address(0));
        assertEq(delegated.signer(), address(0));
        assertEq(delegated.noticePeriod(), 0);
        if (_isToken()) assertEq(address(ITokenChequebook(payable(delegated)).token()), address(0));
    }

    /// @dev `ecrecover` answers zero for a malformed signature, and zero is the signer here.
    function testFuzz_ADelegatedAccount_CashesNoCheque(uint256 key, uint256 amount, bool typed) public {
        _give(address(delegated), 1 ether);
        amount = bound(amount, 1, 2 ether);
        Scheme scheme = _scheme(typed);

        _cashesNoGarbage(delegated, scheme, amount);
        Signature memory good = Cheques.sign(scheme, boundPrivateKey(key), address(delegated), payee, amount);
        _refused(scheme, delegated, payee, amount, good, _error(IChequebook.InvalidSignature.selector));
    }

    /// @dev Its owner is zero, which nobody is.
    function testFuzz_ADelegatedAccount_ObeysNobody(address caller) public {
        vm.assume(caller != address(0));
        _give(address(delegated), 1 ether);
        bytes memory refusal = abi.encodeWithSelector(IOwned.NotOwner.selector, caller);
        vm.startPrank(caller);

        vm.expectRevert(refusal);
        delegated.kill();
        vm.expectRevert(refusal);
        delegated.announceKill();
        assertEq(_balance(address(delegated)), 1 ether);
    }

    function _cashesNoGarbage(IChequebook chequebook, Scheme scheme, uint256 amount) private {
        Signature memory some = _sign(scheme, chequebook, payee, amount);
        Signature[4] memory malformed = [
            Signature(0, 0, 0),
            Signature(29, some.r, some.s),
            Signature(27, 0, some.s),
            Signature(28, some.r, bytes32(type(uint256).max))
        ];
        uint256 before = _balance(address(chequebook));
        for (uint256 i; i < malformed.length; i++) {
            bytes memory reason = _error(IChequebook.InvalidSignature.selector);
            _refused(scheme, chequebook, payee, amount, malformed[i], reason);
            vm.expectRevert(reason);
            _submitIfCovered(scheme, chequebook, payee, amount, malformed[i]);
        }
        assertEq(_balance(address(chequebook)), before);
        assertEq(_balance(payee), 0);
    }
}

contract ImplementationCloneTest is ImplementationTest, CloneForm {}

contract ImplementationTokenTest is ImplementationTest, TokenForm {}
