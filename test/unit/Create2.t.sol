// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {ChequebookFactory} from "../../contracts/ChequebookFactory.sol";
import {IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {BaseTest} from "../Base.t.sol";
import {Create2Deployer, OneTransaction} from "../mocks/Senders.sol";
import {Cheques, Scheme} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";

/// @notice CB11. The attack: create a chequebook at a CREATE2 address; overdraw it, so that its account is erased
/// together with `sent`; create it again at the same address; and cash the same cheque again. Once through a deployer
/// of the attacker's own, once through the factory.
abstract contract Create2Test is BaseTest {
    uint256 private constant PROMISED = 3 ether;

    address private deployer;
    Chequebook private target;
    bytes private creation;
    bytes private overdraw;

    function setUp() public {
        deployer = _deployer();
        target = Chequebook(payable(_predict(owner.addr)));
        creation = _createCall(owner.addr);
        overdraw = Cheques.cashCall(Scheme.Packed, payee, PROMISED, _sign(Scheme.Packed, target, payee, PROMISED));
        vm.deal(address(this), 100 ether);
    }

    /// @dev The contract that creates chequebooks at CREATE2 addresses.
    function _deployer() internal virtual returns (address);

    /// @dev The address of the chequebook of `owner_` without a notice period.
    function _predict(address owner_) internal view virtual returns (address);

    /// @dev The call to the deployer that creates this chequebook.
    function _createCall(address owner_) internal view virtual returns (bytes memory);

    /// @dev Whether a dead chequebook can be created again before Cancun, where its account is erased.
    function _canBeCreatedAgainBeforeCancun() internal pure virtual returns (bool);

    function test_InOneTransaction_GainsNothing() public {
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](4);
        calls[0] = OneTransaction.Call(deployer, 1 ether, creation);
        calls[1] = OneTransaction.Call(address(target), 0, overdraw);
        calls[2] = OneTransaction.Call(deployer, 1 ether, creation);
        calls[3] = OneTransaction.Call(address(target), 0, overdraw);

        OneTransaction.Result[] memory results = new OneTransaction().run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(results[3].answer, _error(IMortal.BornThisBlock.selector));
        _assertAliveAndUntouched();
    }

    function test_InOneBlock_GainsNothing() public {
        assertTrue(_send(deployer, 1 ether, creation));
        assertFalse(_send(address(target), 0, overdraw));
        assertFalse(_send(deployer, 1 ether, creation));
        assertFalse(_send(address(target), 0, overdraw));
        _assertAliveAndUntouched();
    }

    function test_ByKillInOneTransaction_GainsNothing() public {
        // the attacker owns the chequebook, and kills it in the transaction that creates it
        OneTransaction attacker = new OneTransaction();
        Chequebook own = Chequebook(payable(_predict(address(attacker))));
        OneTransaction.Call[] memory calls = new OneTransaction.Call[](3);
        bytes memory createOwn = _createCall(address(attacker));
        calls[0] = OneTransaction.Call(deployer, 1 ether, createOwn);
        calls[1] = OneTransaction.Call(address(own), 0, abi.encodeCall(IMortal.kill, ()));
        calls[2] = OneTransaction.Call(deployer, 1 ether, createOwn);

        OneTransaction.Result[] memory results = attacker.run{value: 2 ether}(calls);

        assertTrue(results[0].success);
        assertEq(results[1].answer, _error(IMortal.BornThisBlock.selector));
        assertFalse(results[2].success);
        assertEq(own.killableAt(), 0);
    }

    /// @dev From Cancun on, the code of the dead chequebook keeps the address occupied. Before Cancun the address is
    /// free again, and the old cheque can be cashed again: this is why SECURITY.md asks for plain CREATE there. (That
    /// the cheque is paid again is shown on anvil, in test/e2e: within a forge test an erased account stays erased,
    /// even if it is created again.) The factory remembers what it created, so it refuses a second creation under every
    /// hardfork.
    function test_InALaterBlock_GainsNothing_ExceptBeforeCancun() public {
        assertTrue(_send(deployer, 1 ether, creation));
        vm.roll(vm.getBlockNumber() + 1);
        assertTrue(_send(address(target), 0, overdraw));
        assertEq(payee.balance, 1 ether);

        bool tombstone = Hardfork.codeSurvives();
        bool again = !tombstone && _canBeCreatedAgainBeforeCancun();
        assertEq(_send(deployer, PROMISED, creation), again);
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

    function _createCall(address owner_) internal view override returns (bytes memory) {
        return abi.encodeCall(Create2Deployer.deploy, (0, owner_, signer.addr, 0));
    }

    function _canBeCreatedAgainBeforeCancun() internal pure override returns (bool) {
        return true;
    }
}

contract Create2FactoryTest is Create2Test {
    ChequebookFactory private factory = _newFactory();

    function _deployer() internal view override returns (address) {
        return address(factory);
    }

    function _predict(address owner_) internal view override returns (address) {
        return factory.predict(owner_, signer.addr, 0, 0);
    }

    function _createCall(address owner_) internal view override returns (bytes memory) {
        return abi.encodeCall(factory.create, (owner_, signer.addr, 0, 0));
    }

    function _canBeCreatedAgainBeforeCancun() internal pure override returns (bool) {
        return false;
    }
}
