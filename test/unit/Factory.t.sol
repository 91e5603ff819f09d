// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {ChequebookClone} from "../../contracts/ChequebookClone.sol";
import {ChequebookFactory} from "../../contracts/ChequebookFactory.sol";
import {IChequebook, IMortal, IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {BaseTest} from "../Base.t.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice How chequebooks are created as clones. What a clone then does is tested by each {FormTest}.
contract FactoryTest is BaseTest {
    ChequebookFactory private immutable factory = _newFactory();
    bytes32 private constant SALT = "salt";

    function testFuzz_Create_AtTheAddressThatFollowsFromTheTerms(
        address owner_,
        address signer_,
        uint32 notice,
        bytes32 salt,
        address caller,
        uint256 deposit
    ) public {
        vm.assume(owner_ != address(0));
        deposit = bound(deposit, 0, MAX_ETHER);
        vm.deal(caller, deposit);
        address predicted = factory.predict(owner_, signer_, notice, salt);
        assertEq(predicted, _predict(owner_, signer_ == address(0) ? owner_ : signer_, notice, salt));
        assertEq(factory.bornAt(predicted), 0);

        vm.prank(caller);
        IChequebook chequebook = factory.create{value: deposit}(owner_, signer_, notice, salt);

        assertEq(address(chequebook), predicted);
        assertEq(factory.bornAt(predicted), vm.getBlockNumber());
        assertEq(chequebook.owner(), owner_);
        assertEq(chequebook.signer(), signer_ == address(0) ? owner_ : signer_);
        assertEq(chequebook.noticePeriod(), notice);
        assertEq(chequebook.killableAt(), 0);
        assertEq(predicted.balance, deposit);
    }

    function test_Create_EmitsCreated() public {
        address predicted = factory.predict(owner.addr, address(0), NOTICE, SALT);

        vm.expectEmit(address(factory));
        emit IChequebookFactory.Created(owner.addr, predicted, owner.addr, NOTICE, SALT);
        factory.create(owner.addr, address(0), NOTICE, SALT);
    }

    /// @dev And so are the salt, the factory and the chain.
    function test_EveryTermIsPartOfTheAddress() public {
        address chequebook = factory.predict(owner.addr, signer.addr, NOTICE, SALT);

        assertNotEq(chequebook, factory.predict(stranger, signer.addr, NOTICE, SALT));
        assertNotEq(chequebook, factory.predict(owner.addr, stranger, NOTICE, SALT));
        assertNotEq(chequebook, factory.predict(owner.addr, signer.addr, NOTICE - 1, SALT));
        assertNotEq(chequebook, factory.predict(owner.addr, signer.addr, NOTICE, "other salt"));
        assertNotEq(chequebook, _newFactory().predict(owner.addr, signer.addr, NOTICE, SALT));
        vm.chainId(block.chainid + 1);
        assertNotEq(chequebook, factory.predict(owner.addr, signer.addr, NOTICE, SALT));
    }

    /// @dev CB9. A packed cheque does not name its chain, but the same terms have another address on another chain.
    function test_PackedChequeIsWorthlessOnAnotherChain() public {
        Chequebook here = _create();
        Signature memory signature = _sign(Scheme.Packed, here, payee, 1 ether);
        vm.chainId(block.chainid + 1);
        Chequebook there = _create();

        _refused(Scheme.Packed, there, payee, 1 ether, signature, _error(IChequebook.InvalidSignature.selector));
    }

    function testFuzz_WhatWasSentBeforeCreationIsPartOfTheDeposit(uint96 before, uint96 deposit) public {
        vm.assume(uint256(before) + deposit != 0);
        address chequebook = factory.predict(owner.addr, signer.addr, 0, SALT);
        vm.deal(address(this), uint256(before) + deposit);
        (bool success,) = chequebook.call{value: before}("");
        assertTrue(success);

        factory.create{value: deposit}(owner.addr, signer.addr, 0, SALT);
        assertEq(chequebook.balance, uint256(before) + deposit);

        // a cheque of a counterfactual chequebook is good once the chequebook is created
        _cash(Scheme.Packed, IChequebook(payable(chequebook)), payee, uint256(before) + deposit);
        assertEq(payee.balance, uint256(before) + deposit);
    }

    function test_RevertWhen_CreatedBefore() public {
        Chequebook chequebook = _create();

        vm.expectRevert(_alreadyCreated(chequebook));
        factory.create(owner.addr, signer.addr, NOTICE, SALT);

        // a signer of zero stands for the owner: the same terms
        IChequebook own = factory.create(owner.addr, address(0), NOTICE, SALT);
        vm.expectRevert(_alreadyCreated(own));
        factory.create(owner.addr, owner.addr, NOTICE, SALT);
    }

    function test_RevertWhen_OwnerIsZero() public {
        vm.expectRevert(IOwned.ZeroOwner.selector);
        factory.create(address(0), signer.addr, NOTICE, SALT);
        vm.expectRevert(IOwned.ZeroOwner.selector);
        factory.predict(address(0), signer.addr, NOTICE, SALT);
    }

    function test_TheFactoryTakesNoEtherOfItsOwn() public {
        (bool success,) = address(factory).call{value: 1}("");
        assertFalse(success);
        _create();
        assertEq(address(factory).balance, 0);
    }

    /// @dev Under every hardfork: even where the account of the dead clone is erased.
    function test_CB11_ADeadChequebookIsNeverCreatedAgain() public {
        Chequebook chequebook = _create();
        vm.roll(vm.getBlockNumber() + 1);
        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        assertEq(_codeSize(address(chequebook)) > 0, Hardfork.codeSurvives());

        vm.expectRevert(_alreadyCreated(chequebook));
        factory.create(owner.addr, signer.addr, NOTICE, SALT);
    }

    function _create() private returns (Chequebook) {
        return Chequebook(payable(address(factory.create(owner.addr, signer.addr, NOTICE, SALT))));
    }

    function _alreadyCreated(IChequebook chequebook) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebookFactory.AlreadyCreated.selector, chequebook);
    }

    /// @dev The address, computed from the text of ERC-1167 and EIP-1014 alone.
    function _predict(address owner_, address signer_, uint32 notice, bytes32 salt) private view returns (address) {
        bytes memory code = abi.encodePacked(
            hex"363d3d373d3d3d363d73",
            factory.implementation(),
            hex"5af43d82803e903d91602b57fd5bf3",
            owner_,
            signer_,
            notice
        );
        bytes memory creation = abi.encodePacked(hex"61", uint16(code.length), hex"3d81600a3d39f3", code);
        bytes32 bound_ = keccak256(abi.encode(block.chainid, salt));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(factory), bound_, keccak256(creation)));
        return address(uint160(uint256(hash)));
    }

    receive() external payable {}
}

/// @notice The implementation of the clones has no owner and no signer, takes no ether and cannot be destroyed.
contract ImplementationTest is BaseTest {
    ChequebookFactory private immutable factory = _newFactory();
    ChequebookClone private implementation;

    function setUp() public {
        implementation = ChequebookClone(payable(factory.implementation()));
        vm.roll(vm.getBlockNumber() + 1);
    }

    function test_HasNoTermsAndIsDeadFromTheBeginning() public {
        assertEq(implementation.killableAt(), NEVER);
        bytes[3] memory getters = [
            abi.encodeCall(IOwned.owner, ()),
            abi.encodeCall(IChequebook.signer, ()),
            abi.encodeCall(IMortal.noticePeriod, ())
        ];
        for (uint256 i; i < getters.length; i++) {
            _refuses(address(0), getters[i]);
        }
    }

    function test_TakesNoDeposit() public {
        vm.expectRevert(IMortal.Dead.selector);
        this.deposit{value: 0}(payable(implementation));
        assertFalse(_deposit(implementation, 1 ether));
    }

    function deposit(address payable to) external payable {
        (bool success, bytes memory answer) = to.call{value: msg.value}("");
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
        assertGt(_codeSize(address(implementation)), 0);
    }

    /// @dev Even if ether was forced into it. `ecrecover` answers the zero address for a malformed signature, and that
    /// must not count as the signer.
    function testFuzz_CashesNoCheque(uint256 key, uint256 amount, bool typed, uint8 v, bytes32 r) public {
        _force(address(implementation), 1 ether);
        key = bound(key, 1, Cheques.CURVE_ORDER - 1);
        amount = bound(amount, 1, 2 ether);
        Scheme scheme = _scheme(typed);
        Signature memory good = Cheques.sign(scheme, key, address(implementation), payee, amount);
        Signature memory malformed = Signature({v: v, r: r, s: 0});

        _refuses(stranger, Cheques.cashCall(scheme, payee, amount, good));
        _refuses(stranger, Cheques.cashCall(scheme, payee, amount, malformed));
        assertEq(address(implementation).balance, 1 ether);
        assertGt(_codeSize(address(implementation)), 0);
    }

    function _refuses(address caller, bytes memory call) private {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(implementation).call(call);
        assertFalse(success);
        assertEq(answer, _error(ChequebookClone.NotAClone.selector));
    }
}
