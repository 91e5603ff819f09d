// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Refuser} from "../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice CB10: up to and including the death of a chequebook, every sequence of actions has the same outcome
/// (balances, events, errors) under every hardfork. Each sequence is run under all four, and all their outcomes are
/// compared.
abstract contract HardforksFuzzTest is FormTest {
    uint256 private constant MAX_STEPS = 20;

    enum Action {
        Deposit,
        Force,
        Cash,
        CashIfCovered,
        CashForged,
        Announce,
        Cancel,
        Kill,
        KillByStranger,
        Wait,
        NextBlock,
        Accept
    }

    struct Step {
        uint8 action;
        uint8 who;
        bool typed;
        uint64 value;
    }

    IChequebook private chequebook;
    Refuser private refuser = new Refuser();

    function testFuzz_CB10_SameOutcomeUnderEveryHardfork(Step[] calldata steps, bool patient) public {
        string[4] memory hardforks = [Hardfork.SHANGHAI, Hardfork.CANCUN, Hardfork.PRAGUE, Hardfork.OSAKA];
        bytes32 first;
        for (uint256 i; i < hardforks.length; i++) {
            uint256 snapshot = vm.snapshotState();
            Hardfork.set(hardforks[i]);

            bytes32 transcript = _play(steps, patient);

            if (i == 0) first = transcript;
            assertEq(transcript, first, hardforks[i]);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function _play(Step[] calldata steps, bool patient) private returns (bytes32 transcript) {
        vm.recordLogs();
        chequebook = _createInThisBlock(patient ? NOTICE : 0, DEPOSIT);
        for (uint256 i; i < steps.length && i < MAX_STEPS; i++) {
            (bool success, bytes memory answer) = _step(steps[i]);
            Vm.Log[] memory logs = vm.getRecordedLogs();
            transcript = keccak256(abi.encode(transcript, success, answer, logs, _balances()));
            if (_died(logs)) return transcript;
            transcript = keccak256(abi.encode(transcript, chequebook.killableAt(), _sent()));
        }
    }

    function _died(Vm.Log[] memory logs) private pure returns (bool died) {
        for (uint256 i; i < logs.length; i++) {
            bytes32 topic = logs[i].topics[0];
            died = died || topic == IChequebook.Overdraft.selector || topic == IMortal.Killed.selector;
        }
    }

    function _step(Step calldata step) private returns (bool, bytes memory) {
        Action action = Action(step.action % (uint8(type(Action).max) + 1));
        if (action == Action.Deposit) return (_deposit(chequebook, step.value), "");
        if (action == Action.Force) _force(chequebook, step.value);
        if (action == Action.Cash) return _try(stranger, _cashCall(step, signer.key, false));
        if (action == Action.CashIfCovered) return _try(stranger, _cashCall(step, signer.key, true));
        if (action == Action.CashForged) return _try(stranger, _cashCall(step, owner.key, step.value % 2 == 0));
        if (action == Action.Announce) return _try(owner.addr, abi.encodeCall(chequebook.announceKill, ()));
        if (action == Action.Cancel) return _try(owner.addr, abi.encodeCall(chequebook.cancelKill, ()));
        if (action == Action.Kill) return _try(owner.addr, abi.encodeCall(chequebook.kill, ()));
        if (action == Action.KillByStranger) return _try(stranger, abi.encodeCall(chequebook.kill, ()));
        if (action == Action.Wait) skip(step.value % (2 * NOTICE));
        if (action == Action.NextBlock) vm.roll(vm.getBlockNumber() + 1);
        if (action == Action.Accept) refuser.accept(step.typed);
        return (true, "");
    }

    function _try(address from, bytes memory call) private returns (bool success, bytes memory answer) {
        vm.prank(from);
        (success, answer) = address(chequebook).call(call);
    }

    /// @dev The amounts range from zero to twice the deposit.
    function _cashCall(Step calldata step, uint256 key, bool covered) private view returns (bytes memory) {
        address payable[4] memory payees = [payee, otherPayee, payable(refuser), payable(chequebook)];
        address payable to = payees[step.who % payees.length];
        uint256 amount = uint256(step.value) * (2 * DEPOSIT) / type(uint64).max;
        Scheme scheme = _scheme(step.typed);
        Signature memory signature = Cheques.sign(scheme, key, address(chequebook), to, amount);
        return
            covered
                ? Cheques.coveredCall(scheme, to, amount, signature)
                : Cheques.cashCall(scheme, to, amount, signature);
    }

    function _balances() private view returns (uint256[5] memory) {
        return [
            _balance(address(chequebook)),
            _balance(payee),
            _balance(otherPayee),
            _balance(address(refuser)),
            _balance(owner.addr)
        ];
    }

    function _sent() private view returns (uint256[3] memory) {
        return [chequebook.sent(payee), chequebook.sent(otherPayee), chequebook.sent(address(refuser))];
    }
}

contract HardforksDirectFuzzTest is HardforksFuzzTest, DirectForm {}

contract HardforksCloneFuzzTest is HardforksFuzzTest, CloneForm {}

contract HardforksTokenFuzzTest is HardforksFuzzTest, TokenForm {}
