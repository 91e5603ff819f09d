// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {Create2Deployer, OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice CB11. The attack: open a chequebook at a CREATE2 address, overdraw it so that it vanishes with what it has
/// sent, open it again at the same address, and cash the same cheque once more. Either through a contract of the
/// attacker's, or through the factory.
abstract contract Create2Test is BaseTest {
    uint256 private constant PROMISED = 3 ether;

    address private deployer;
    Chequebook private target;
    bytes private open;
    bytes private overdraw;

    function setUp() public {
        deployer = _deployer();
        target = Chequebook(payable(_predict(owner.addr)));
        open = _openCall(owner.addr);
        overdraw = Cheques.cashCall(Scheme.Packed, payee, PROMISED, _sign(Scheme.Packed, target, payee, PROMISED));
        vm.deal(address(this), 100 ether);
    }

    /// @dev Who creates chequebooks at CREATE2 addresses; the address of one without notice; and the call that opens it.
    function _deployer() internal virtual returns (address);

    function _predict(address owner_) internal view virtual returns (address);

    function _openCall(address owner_) internal view virtual returns (bytes memory);

    /// @dev Whether a dead one can be opened again where death erases the account.
    function _returnsBeforeCancun() internal pure virtual returns (bool);

    function test_InOneTransaction_GainsNothing() public {
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](4);
        calls[0] = OneTransaction.Call(deployer, 1 ether, open);
        calls[1] = OneTransaction.Call(address(target), 0, overdraw);
        calls[2] = OneTransaction.Call(deployer, 1 ether, open);
        calls[3] = OneTransaction.Call(address(target), 0, overdraw);

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(results[3].answer, _error(IMortal.BornThisBlock.selector));
        _assertAliveAndUntouched();
    }

    function test_InOneBlock_GainsNothing() public {
        assertTrue(_send(deployer, 1 ether, open));
        assertFalse(_send(address(target), 0, overdraw));
        assertFalse(_send(deployer, 1 ether, open));
        assertFalse(_send(address(target), 0, overdraw));
        _assertAliveAndUntouched();
    }

    function test_ByKillInOneTransaction_GainsNothing() public {
        // the attacker owns the chequebook, and commands it in the transaction that opens it
        OneTransaction attacker = new OneTransaction();
        Chequebook own = Chequebook(payable(_predict(address(attacker))));
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](3);
        bytes memory openOwn = _openCall(address(attacker));
        calls[0] = OneTransaction.Call(deployer, 1 ether, openOwn);
        calls[1] = OneTransaction.Call(address(own), 0, abi.encodeCall(IMortal.kill, ()));
        calls[2] = OneTransaction.Call(deployer, 1 ether, openOwn);

        OneTransaction.Result[] memory results = attacker.run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(own.killableAt(), 0);
    }

    /// @dev From Cancun on the tombstone holds its address. Before, the address is free again, and the cheque good a
    /// second time: this is why SECURITY.md asks for plain CREATE there. (That it is paid is shown on anvil, in
    /// test/e2e: to forge, an account stays erased within a test even when it is created anew.) The factory remembers
    /// whom it opened, so through it there is no second time under any hardfork.
    function test_InALaterBlock_GainsNothing_ExceptBeforeCancun() public {
        assertTrue(_send(deployer, 1 ether, open));
        vm.roll(vm.getBlockNumber() + 1);
        assertTrue(_send(address(target), 0, overdraw));
        assertEq(payee.balance, 1 ether);

        bool tombstone = Hardfork.codeSurvives();
        bool returns_ = !tombstone && _returnsBeforeCancun();
        assertEq(_send(deployer, PROMISED, open), returns_);
        if (!tombstone) return;

        assertFalse(_send(address(target), 0, overdraw));
        assertEq(payee.balance, 1 ether);
    }

    function _assertAliveAndUntouched() private view {
        assertGt(_codeSize(address(target)), 0);
        assertEq(target.killableAt(), 0);
        assertEq(target.sent(payee), 0);
        assertEq(address(target).balance, 1 ether);
        assertEq(payee.balance, 0);
    }

    function _send(address to, uint256 value, bytes memory data) private returns (bool success) {
        (success,) = to.call{value: value}(data);
    }

    receive() external payable {}
}

contract Create2DirectTest is Create2Test {
    Create2Deployer private direct = new Create2Deployer();

    function _deployer() internal view override returns (address) {
        return address(direct);
    }

    function _predict(address owner_) internal view override returns (address) {
        return direct.predict(0, owner_, signer.addr, 0);
    }

    function _openCall(address owner_) internal view override returns (bytes memory) {
        return abi.encodeCall(Create2Deployer.deploy, (0, owner_, signer.addr, 0));
    }

    function _returnsBeforeCancun() internal pure override returns (bool) {
        return true;
    }
}

contract Create2FactoryTest is Create2Test {
    function _deployer() internal view override returns (address) {
        return address(factory);
    }

    function _predict(address owner_) internal view override returns (address) {
        return factory.predict(owner_, signer.addr, 0, 0);
    }

    function _openCall(address owner_) internal view override returns (bytes memory) {
        return abi.encodeCall(factory.create, (owner_, signer.addr, 0, 0));
    }

    function _returnsBeforeCancun() internal pure override returns (bool) {
        return false;
    }
}
