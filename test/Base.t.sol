// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {ClearingHouse} from "../contracts/ClearingHouse.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {Forcer} from "./mocks/Senders.sol";
import {Cheques, Scheme, Signature} from "./utils/Cheques.sol";
import {TestBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdCheats} from "forge-std/StdCheats.sol";
import {StdInvariant} from "forge-std/StdInvariant.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @notice What all tests share: the accounts, and a helper for each thing they do. A test that needs a chequebook of
/// whatever form is a {FormTest}.
/// @dev forge-std's `Test` without its logging, which has so many warnings that solc would drop ours.
abstract contract BaseTest is TestBase, StdAssertions, StdCheats, StdInvariant, StdUtils {
    bool public constant IS_TEST = true;

    uint32 internal constant NOTICE = 1 days;
    uint256 internal constant DEPOSIT = 10 ether;
    /// @dev More wei than exist.
    uint256 internal constant MAX_ETHER = 1e27;
    /// @dev The `killableAt` of a dead chequebook.
    uint256 internal constant NEVER = type(uint256).max;

    Account internal owner = makeAccount("owner");
    Account internal signer = makeAccount("signer");
    address payable internal payee = payable(makeAddr("payee"));
    address payable internal otherPayee = payable(makeAddr("other payee"));
    address internal stranger = makeAddr("stranger");

    /// @dev forge-std's knows those up to 0xff. P256VERIFY (EIP-7951, since Osaka) is beyond.
    function assumeNotPrecompile(address account) internal pure override {
        super.assumeNotPrecompile(account);
        vm.assume(account != address(0x100));
    }

    /// @dev From the compiled artifact, like the next one: by `new`, its creation code would be part of each test, which
    /// would take much longer to compile.
    function _newFactory() internal returns (ChequebookFactory) {
        return ChequebookFactory(deployCode("ChequebookFactory.sol:ChequebookFactory"));
    }

    function _newClearingHouse() internal returns (ClearingHouse) {
        return ClearingHouse(deployCode("ClearingHouse.sol:ClearingHouse"));
    }

    function _sendEther(address target, uint256 amount) internal returns (bool success) {
        vm.deal(stranger, stranger.balance + amount);
        vm.prank(stranger);
        (success,) = target.call{value: amount}("");
    }

    /// @dev By a selfdestruct, which nobody can refuse.
    function _forceEther(address target, uint256 amount) internal {
        vm.deal(address(this), address(this).balance + amount);
        new Forcer{value: amount}(payable(target));
    }

    function _sign(Scheme scheme, IChequebook chequebook, address beneficiary, uint256 amount)
        internal
        view
        returns (Signature memory)
    {
        return Cheques.sign(scheme, signer.key, address(chequebook), beneficiary, amount);
    }

    /// @dev A stranger submits a cheque with a valid signature.
    function _cash(Scheme scheme, IChequebook chequebook, address payable beneficiary, uint256 amount) internal {
        _submit(scheme, chequebook, beneficiary, amount, _sign(scheme, chequebook, beneficiary, amount));
    }

    /// @dev A stranger submits a cheque with the given signature, and `cash` must refuse it with `reason`.
    function _refused(
        Scheme scheme,
        IChequebook chequebook,
        address payable beneficiary,
        uint256 amount,
        Signature memory signature,
        bytes memory reason
    ) internal {
        vm.expectRevert(reason);
        _submit(scheme, chequebook, beneficiary, amount, signature);
    }

    function _submit(
        Scheme scheme,
        IChequebook chequebook,
        address payable beneficiary,
        uint256 amount,
        Signature memory signature
    ) internal {
        vm.prank(stranger);
        if (scheme == Scheme.Packed) {
            chequebook.cash(beneficiary, amount, signature.v, signature.r, signature.s);
        } else {
            chequebook.cashTyped(beneficiary, amount, signature.v, signature.r, signature.s);
        }
    }

    /// @dev A stranger submits a cheque with a valid signature, to be cashed only if it is covered.
    function _cashIfCovered(Scheme scheme, IChequebook chequebook, address payable beneficiary, uint256 amount)
        internal
    {
        _submitIfCovered(scheme, chequebook, beneficiary, amount, _sign(scheme, chequebook, beneficiary, amount));
    }

    function _submitIfCovered(
        Scheme scheme,
        IChequebook chequebook,
        address payable beneficiary,
        uint256 amount,
        Signature memory signature
    ) internal {
        vm.prank(stranger);
        if (scheme == Scheme.Packed) {
            chequebook.cashIfCovered(beneficiary, amount, signature.v, signature.r, signature.s);
        } else {
            chequebook.cashTypedIfCovered(beneficiary, amount, signature.v, signature.r, signature.s);
        }
    }

    function _kill(IChequebook chequebook) internal {
        vm.prank(owner.addr);
        chequebook.kill();
    }

    function _announceKill(IChequebook chequebook) internal {
        vm.prank(owner.addr);
        chequebook.announceKill();
    }

    function _cancelKill(IChequebook chequebook) internal {
        vm.prank(owner.addr);
        chequebook.cancelKill();
    }

    /// @dev The size of the code on the chain. Within a test, `code.length` still counts code that a selfdestruct has
    /// erased.
    function _codeSize(address account) internal view returns (uint256) {
        return this.codeSize(account);
    }

    function codeSize(address account) external view returns (uint256) {
        return account.code.length;
    }

    function _scheme(bool typed) internal pure returns (Scheme) {
        return typed ? Scheme.Typed : Scheme.Packed;
    }

    function _error(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function _notCovered(uint256 owed, uint256 balance) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebook.NotCovered.selector, owed, balance);
    }

    function _staleCheque(uint256 amount, uint256 sent) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebook.StaleCheque.selector, amount, sent);
    }
}
