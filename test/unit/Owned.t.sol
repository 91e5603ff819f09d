// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";

abstract contract OwnedTest is FormTest {
    function testFuzz_OwnerIsFixedAtCreation(address owner_, address creator) public {
        vm.assume(owner_ != address(0));
        vm.prank(creator);

        assertEq(_create(owner_, signer.addr, NOTICE, 0).owner(), owner_);
    }

    function test_RevertWhen_OwnerIsZero() public {
        vm.expectRevert(IOwned.ZeroOwner.selector);
        _create(address(0), signer.addr, NOTICE, 0);

        vm.expectRevert(IOwned.ZeroOwner.selector);
        factory.predict(_form(), _terms(address(0), signer.addr, NOTICE), 0);
    }

    function testFuzz_RevertWhen_CallerIsNotTheOwner(address caller, uint32 notice) public {
        vm.assume(caller != owner.addr);
        IChequebook chequebook = _createInEarlierBlock(notice, DEPOSIT);
        bytes memory refusal = abi.encodeWithSelector(IOwned.NotOwner.selector, caller);
        vm.startPrank(caller);

        vm.expectRevert(refusal);
        chequebook.announceKill();
        vm.expectRevert(refusal);
        chequebook.cancelKill();
        vm.expectRevert(refusal);
        chequebook.kill();
    }

    function test_RevertWhen_TheSignerCommands() public {
        IChequebook chequebook = _createInEarlierBlock(0, DEPOSIT);

        vm.expectRevert(abi.encodeWithSelector(IOwned.NotOwner.selector, signer.addr));
        vm.prank(signer.addr);
        chequebook.kill();
    }
}

contract OwnedDirectTest is OwnedTest, DirectForm {}

contract OwnedCloneTest is OwnedTest, CloneForm {}

contract OwnedTokenTest is OwnedTest, TokenForm {}
