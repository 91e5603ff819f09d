// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";

/// @notice Code proves nothing: a constructor that is not ours can write storage first, and then leave exactly the code
/// of a chequebook. So only what the factory created is genuine.
abstract contract BornTest is FormTest {
    bytes32 private constant KILLABLE_AT = bytes32(uint256(0));
    bytes32 private constant SENT = bytes32(uint256(1));

    /// @dev Announced from birth on: the owner kills without any notice.
    function test_AForgedAnnouncement_IsNotOfAChequebookOfTheFactory() public {
        IChequebook forged = _forge(KILLABLE_AT, bytes32(uint256(1)));
        _force(forged, DEPOSIT);

        _kill(forged);

        assertEq(_balance(owner.addr), DEPOSIT);
    }

    /// @dev Everything was sent from birth on: no cheque is ever paid.
    function test_AForgedPayment_IsNotOfAChequebookOfTheFactory() public {
        IChequebook forged = _forge(keccak256(abi.encode(payee, SENT)), bytes32(type(uint256).max));
        _force(forged, DEPOSIT);

        Signature memory signature = _sign(Scheme.Typed, forged, payee, 1);
        _refused(Scheme.Typed, forged, payee, 1, signature, _staleCheque(1, type(uint256).max));
        assertEq(_balance(payee), 0);
    }

    /// @dev Not even where a copy of the factory's own creation is made by another account.
    function testFuzz_TheAddressOfAForgery_IsNoneOfTheFactory(bytes32 salt, bytes32 value) public {
        IChequebookFactory.Terms memory terms = _terms(owner.addr, signer.addr, NOTICE);
        bytes memory creation = _forgery(address(_create(owner.addr, signer.addr, NOTICE, 0)).code, 0, value);
        bytes32 bound_ = keccak256(abi.encode(block.chainid, salt));

        _assertUnproven(_deploy(creation, salt), terms, salt);
        if (salt != bound_) _assertUnproven(_deploy(creation, bound_), terms, salt);
    }

    function _assertUnproven(address forged, IChequebookFactory.Terms memory terms, bytes32 salt) private view {
        assertNotEq(forged, factory.predict(_form(), terms, salt));
        assertEq(abi.encode(factory.record(forged)), abi.encode(0, 0, 0));
        assertEq(factory.bornAt(forged), 0);
    }

    /// @dev An account with exactly the code of a genuine chequebook, and with one word in its storage.
    function _forge(bytes32 slot, bytes32 value) private returns (IChequebook forged) {
        IChequebook genuine = _createInEarlierBlock(30 days, 0);
        address account = _deploy(_forgery(address(genuine).code, slot, value), 0);
        forged = IChequebook(payable(account));

        assertEq(account.code, address(genuine).code);
        assertEq(forged.owner(), owner.addr);
        assertEq(forged.signer(), signer.addr);
        assertEq(forged.noticePeriod(), 30 days);
        _assertUnproven(account, _terms(owner.addr, signer.addr, 30 days), 0);
    }

    /// @dev Stores a word, and then leaves `code`.
    function _forgery(bytes memory code, bytes32 slot, bytes32 value) private pure returns (bytes memory) {
        bytes memory store = abi.encodePacked(hex"7f", value, hex"7f", slot, hex"55"); // PUSH32, PUSH32, SSTORE
        uint16 size = uint16(code.length);
        uint8 offset = uint8(store.length + 12);
        // PUSH2, PUSH1, PUSH0, CODECOPY; PUSH2, PUSH0, RETURN
        return abi.encodePacked(store, hex"61", size, hex"60", offset, hex"5f39", hex"61", size, hex"5ff3", code);
    }

    function _deploy(bytes memory creation, bytes32 salt) private returns (address account) {
        assembly {
            account := create2(0, add(creation, 32), mload(creation), salt)
        }
        assertNotEq(account, address(0));
    }
}

contract BornDirectTest is BornTest, DirectForm {
    /// @dev The block of creation is in the code, too, so a forgery may die in the block of its own.
    function test_AForgedBlockOfCreation_IsNotOfAChequebookOfTheFactory() public {
        IChequebook genuine = _createInEarlierBlock(0, 0);
        address forged = makeAddr("created in this block");
        vm.etch(forged, address(genuine).code);
        vm.deal(forged, 1 ether);

        _kill(IChequebook(payable(forged)));

        assertEq(owner.addr.balance, 1 ether);
        assertEq(factory.bornAt(forged), 0);
    }
}

contract BornCloneTest is BornTest, CloneForm {}

contract BornTokenTest is BornTest, TokenForm {}
