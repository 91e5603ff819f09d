// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {Create2Deployer, OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice CB11. The attack: open a chequebook at a CREATE2 address, overdraw it so that it vanishes with what it has
/// sent, open it again at the same address, and cash the same cheque once more.
contract Create2Test is BaseTest {
    uint256 private constant PROMISED = 3 ether;

    Create2Deployer private deployer = new Create2Deployer();
    Chequebook private target;
    bytes private open;
    bytes private overdraw;

    function setUp() public {
        target = Chequebook(payable(deployer.predict(0, owner.addr, signer.addr, 0)));
        open = abi.encodeCall(Create2Deployer.deploy, (0, owner.addr, signer.addr, 0));
        overdraw = Cheques.cashCall(Scheme.Packed, payee, PROMISED, _sign(Scheme.Packed, target, payee, PROMISED));
        vm.deal(address(this), 100 ether);
    }

    function test_InOneTransaction_GainsNothing() public {
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](4);
        calls[0] = OneTransaction.Call(address(deployer), 1 ether, open);
        calls[1] = OneTransaction.Call(address(target), 0, overdraw);
        calls[2] = OneTransaction.Call(address(deployer), 1 ether, open);
        calls[3] = OneTransaction.Call(address(target), 0, overdraw);

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(results[3].answer, _error(IMortal.BornThisBlock.selector));
        _assertAliveAndUntouched();
    }

    function test_InOneBlock_GainsNothing() public {
        assertTrue(_send(address(deployer), 1 ether, open));
        assertFalse(_send(address(target), 0, overdraw));
        assertFalse(_send(address(deployer), 1 ether, open));
        assertFalse(_send(address(target), 0, overdraw));
        _assertAliveAndUntouched();
    }

    function test_ByKillInOneTransaction_GainsNothing() public {
        // the attacker owns the chequebook, and commands it in the transaction that opens it
        OneTransaction attacker = new OneTransaction();
        Chequebook own = Chequebook(payable(deployer.predict(0, address(attacker), signer.addr, 0)));
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](3);
        bytes memory openOwn = abi.encodeCall(Create2Deployer.deploy, (0, address(attacker), signer.addr, 0));
        calls[0] = OneTransaction.Call(address(deployer), 1 ether, openOwn);
        calls[1] = OneTransaction.Call(address(own), 0, abi.encodeCall(IMortal.kill, ()));
        calls[2] = OneTransaction.Call(address(deployer), 1 ether, openOwn);

        OneTransaction.Result[] memory results = attacker.run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(own.killableAt(), 0);
    }

    /// @dev From Cancun on the tombstone holds its address. Before, the address is free again, and the cheque good a
    /// second time: this is why SECURITY.md asks for plain CREATE there. (That it is paid is shown on anvil, in
    /// test/e2e: to forge, an account stays erased within a test even when it is created anew.)
    function test_InALaterBlock_GainsNothing_ExceptBeforeCancun() public {
        assertTrue(_send(address(deployer), 1 ether, open));
        vm.roll(vm.getBlockNumber() + 1);
        assertTrue(_send(address(target), 0, overdraw));
        assertEq(payee.balance, 1 ether);

        bool tombstone = Hardfork.codeSurvives();
        assertEq(_send(address(deployer), PROMISED, open), !tombstone);
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
