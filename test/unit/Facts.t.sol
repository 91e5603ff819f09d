// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice What surprises, and is so.
abstract contract FactsTest is FormTest {
    IChequebook private chequebook;

    function setUp() public {
        chequebook = _createInEarlierBlock(0, DEPOSIT);
    }

    /// @dev An argument with bits beyond its type is no other name of the same cheque.
    function testFuzz_CalldataWithDirtyBits_RevertsWithoutAnError(uint96 dirt, uint256 v, bool typed, bool covered)
        public
    {
        vm.assume(dirt != 0);
        Scheme scheme = _scheme(typed);
        Signature memory signature = _sign(scheme, chequebook, payee, 1);
        bytes memory dirtyPayeeCall =
            covered ? Cheques.coveredCall(scheme, payee, 1, signature) : Cheques.cashCall(scheme, payee, 1, signature);
        bytes memory dirtyVCall = bytes.concat(dirtyPayeeCall);
        uint256 dirtyPayee = uint256(uint160(address(payee))) | uint256(dirt) << 160;
        v = v & ~uint256(0xff) | signature.v;
        if (v == signature.v) v |= 256;
        assembly {
            mstore(add(dirtyPayeeCall, 36), dirtyPayee)
            mstore(add(dirtyVCall, 100), v)
        }

        _assertSilentRevert(dirtyPayeeCall, 0);
        _assertSilentRevert(dirtyVCall, 0);
        assertEq(_balance(payee), 0);
    }

    function testFuzz_AnUnknownCall_RevertsWithoutAnError(bytes4 selector, bytes calldata data, uint64 value) public {
        bytes memory call = bytes.concat(selector, data);
        vm.assume(!_isKnown(selector));

        _assertSilentRevert(call, value);
    }

    function test_EtherWithACheque_RevertsWithoutAnError() public {
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1);
        _assertSilentRevert(Cheques.cashCall(Scheme.Packed, payee, 1, signature), 1);
        _assertSilentRevert(Cheques.coveredCall(Scheme.Packed, payee, 1, signature), 1);
        _assertSilentRevert(abi.encodeCall(IMortal.kill, ()), 1);
        assertEq(_balance(payee), 0);
    }

    function test_CalldataThatIsTooShort_RevertsWithoutAnError() public {
        Signature memory signature = _sign(Scheme.Packed, chequebook, payee, 1);
        bytes memory data = Cheques.cashCall(Scheme.Packed, payee, 1, signature);
        assembly {
            mstore(data, sub(mload(data), 1))
        }
        _assertSilentRevert(data, 0);
    }

    function _isKnown(bytes4 selector) private view returns (bool known) {
        // those that answer, and those that revert without arguments or rights
        (known,) = address(chequebook).staticcall(abi.encodePacked(selector));
        bytes4[9] memory others = [
            IChequebook.cash.selector,
            IChequebook.cashTyped.selector,
            IChequebook.cashIfCovered.selector,
            IChequebook.cashTypedIfCovered.selector,
            IMortal.announceKill.selector,
            IMortal.cancelKill.selector,
            IMortal.kill.selector,
            ITokenChequebook.reclaim.selector,
            IChequebook.sent.selector
        ];
        for (uint256 i; i < others.length; i++) {
            known = known || selector == others[i];
        }
    }

    function _assertSilentRevert(bytes memory call, uint256 value) private {
        vm.deal(address(this), value);
        (bool success, bytes memory answer) = address(chequebook).call{value: value}(call);
        assertFalse(success);
        assertEq(answer, "");
    }
}

/// @notice Facts about the code of a direct chequebook.
contract FactsOfDirectTest is DirectForm {
    /// @dev A packed cheque is the hash of 72 bytes, and so may be what a wallet signs for a transaction: here a legacy
    /// one of no ether, whose first 20 bytes are the address of a chequebook. So the signer of a chequebook must be a
    /// key that signs nothing else, or sign typed cheques only.
    function test_ASignedTransactionOf72Bytes_IsAPackedCheque() public {
        bytes memory head = abi.encodePacked(
            hex"f84607", // a list of 70 bytes; nonce 7
            hex"84",
            uint32(2_000_000_000), // gas price
            hex"82",
            uint16(60_000), // gas limit
            hex"94",
            bytes8(0x1122334455667788) // the first bytes of `to`
        );
        bytes memory tail = abi.encodePacked(
            bytes12(0xaabbccddeeff001122334455), // the other bytes of `to`
            hex"80", // no ether
            hex"a3",
            bytes32(type(uint256).max), // data
            bytes3(0),
            hex"018080" // chain 1 (EIP-155)
        );
        bytes memory transaction = bytes.concat(head, tail);
        assertEq(head.length, 20);
        assertEq(transaction.length, 72);
        address target;
        address payable beneficiary;
        uint256 amount;
        assembly {
            target := shr(96, mload(add(transaction, 32)))
            beneficiary := shr(96, mload(add(transaction, 52)))
            amount := mload(add(transaction, 72))
        }
        vm.etch(target, address(_createInEarlierBlock(NOTICE, 0)).code);
        vm.deal(target, DEPOSIT);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer.key, keccak256(transaction));

        IChequebook(payable(target)).cash(beneficiary, amount, v, r, s);

        assertEq(beneficiary.balance, DEPOSIT);
    }

    /// @dev On a chain that refuses selfdestruct nothing ends: no kill, and an overdraft does not even pay what is
    /// there. The deposit leaves only by covered cheques.
    function test_WhereSelfdestructIsRefused_OnlyCoveredChequesPay() public {
        IChequebook chequebook = _createInEarlierBlock(0, DEPOSIT);
        _replaceSelfdestruct(address(chequebook));
        Signature memory over = _sign(Scheme.Packed, chequebook, payee, DEPOSIT + 1);

        vm.prank(owner.addr);
        (bool killed,) = address(chequebook).call{gas: 1_000_000}(abi.encodeCall(IMortal.kill, ()));
        (bool overdrawn,) =
            address(chequebook).call{gas: 1_000_000}(Cheques.cashCall(Scheme.Packed, payee, DEPOSIT + 1, over));

        assertFalse(killed);
        assertFalse(overdrawn);
        assertEq(chequebook.killableAt(), 0);
        assertEq(chequebook.sent(payee), 0);
        _cash(Scheme.Packed, chequebook, payable(owner.addr), DEPOSIT);
        assertEq(owner.addr.balance, DEPOSIT);
    }

    /// @dev By INVALID. The data of a PUSH is skipped.
    function _replaceSelfdestruct(address account) private {
        bytes memory code = account.code;
        uint256 found;
        for (uint256 i; i < code.length;) {
            uint8 instruction = uint8(code[i]);
            if (instruction == 0xff) {
                code[i] = 0xfe;
                found++;
            }
            i += instruction >= 0x60 && instruction <= 0x7f ? instruction - 0x5e : 1;
        }
        assertEq(found, 1);
        vm.etch(account, code);
    }
}

contract FactsDirectTest is FactsTest, DirectForm {}

contract FactsCloneTest is FactsTest, CloneForm {}

contract FactsTokenTest is FactsTest, TokenForm {}
