// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../contracts/Chequebook.sol";
import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {DirectDeployer, Forcer} from "./mocks/Senders.sol";
import {Cheques, Scheme, Signature} from "./utils/Cheques.sol";
import {TestBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdCheats} from "forge-std/StdCheats.sol";
import {StdInvariant} from "forge-std/StdInvariant.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @notice What all tests share: the people, and one line for each thing they do. With FORM=clone in the environment, the
/// chequebooks of all tests are clones; else they are deployed directly.
/// @dev The parts of forge-std's `Test` but for its logging, which has so many warnings that solc would drop ours.
abstract contract BaseTest is TestBase, StdAssertions, StdCheats, StdInvariant, StdUtils {
    bool public constant IS_TEST = true;

    uint32 internal constant NOTICE = 1 days;
    uint256 internal constant DEPOSIT = 10 ether;
    /// @dev More ether than there is.
    uint256 internal constant MAX_ETHER = 1e27;
    /// @dev The `killableAt` of a dead chequebook.
    uint256 internal constant NEVER = type(uint256).max;

    DirectDeployer private immutable _direct = new DirectDeployer();
    ChequebookFactory internal immutable factory = new ChequebookFactory();
    bool internal immutable cloned = _isClone(vm.envOr("FORM", string("direct")));
    uint256 private _opened;

    Account internal owner = makeAccount("owner");
    Account internal signer = makeAccount("signer");
    address payable internal payee = payable(makeAddr("payee"));
    address payable internal otherPayee = payable(makeAddr("other payee"));
    address internal stranger = makeAddr("stranger");

    /// @dev Opens a chequebook, and lets one block pass so that it may die.
    function _open(uint32 notice, uint256 deposit) internal returns (Chequebook chequebook) {
        chequebook = _openInThisBlock(notice, deposit);
        vm.roll(vm.getBlockNumber() + 1);
    }

    function _openInThisBlock(uint32 notice, uint256 deposit) internal returns (Chequebook chequebook) {
        vm.deal(owner.addr, owner.addr.balance + deposit);
        vm.prank(owner.addr);
        chequebook = _create(owner.addr, signer.addr, notice, deposit);
    }

    /// @dev Creates a chequebook in the form that is tested.
    function _create(address owner_, address signer_, uint32 notice, uint256 deposit) internal returns (Chequebook) {
        if (!cloned) return _direct.deploy{value: deposit}(owner_, signer_, notice);
        return _clone(owner_, signer_, notice, deposit);
    }

    /// @dev A clone has the same functions, so that the tests need not know.
    function _clone(address owner_, address signer_, uint32 notice, uint256 deposit) internal returns (Chequebook) {
        IChequebook chequebook = factory.create{value: deposit}(owner_, signer_, notice, bytes32(_opened++));
        return Chequebook(payable(address(chequebook)));
    }

    function _isClone(string memory form) private pure returns (bool) {
        bytes32 hash = keccak256(bytes(form));
        if (hash != keccak256("clone") && hash != keccak256("direct")) revert("FORM is neither direct nor clone");
        return hash == keccak256("clone");
    }

    function _deposit(IChequebook chequebook, uint256 amount) internal returns (bool success) {
        vm.deal(stranger, stranger.balance + amount);
        vm.prank(stranger);
        (success,) = address(chequebook).call{value: amount}("");
    }

    function _force(address target, uint256 amount) internal {
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

    /// @dev A stranger submits a cheque with a good signature.
    function _cash(Scheme scheme, IChequebook chequebook, address payable beneficiary, uint256 amount) internal {
        _submit(scheme, chequebook, beneficiary, amount, _sign(scheme, chequebook, beneficiary, amount));
    }

    /// @dev A stranger submits a cheque with the given signature, and the chequebook must refuse it with `reason`.
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

    /// @dev The code size as the chain has it. Within a test, `code.length` still shows what a selfdestruct has erased.
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

    function _staleCheque(uint256 amount, uint256 sent) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebook.StaleCheque.selector, amount, sent);
    }
}
