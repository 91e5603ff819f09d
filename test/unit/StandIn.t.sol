// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chequebook} from "../../contracts/Chequebook.sol";
import {ChequebookClone} from "../../contracts/ChequebookClone.sol";
import {IChequebook, IMortal} from "../../contracts/interfaces/IChequebook.sol";
import {StandInChequebook, StandInClone} from "../symbolic/StandIns.sol";
import {Hardfork} from "../utils/Hardfork.sol";
import {TestBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdCheats} from "forge-std/StdCheats.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Owner and beneficiary. It refuses ether, kills and cashes, and looks within the same transaction at what
/// that did.
contract Witness {
    struct Seen {
        bool success;
        uint256 left;
        uint256 received;
        uint256 killableAt;
        uint256 sent;
        uint256 codeSize;
        bytes32 again;
    }

    /// @dev Makes two calls of the chequebook, and looks after each.
    function act(IChequebook book, bytes calldata call, address recipient) external returns (Seen memory seen) {
        uint256 before = recipient.balance;
        (seen.success,) = address(book).call(call);
        seen.left = address(book).balance;
        seen.received = recipient.balance - before;
        seen.killableAt = book.killableAt();
        seen.sent = book.sent(recipient);
        seen.codeSize = address(book).code.length == 0 ? 0 : 1;
        (bool success, bytes memory thrown) = address(book).call(call);
        seen.again = keccak256(abi.encode(success, thrown));
    }
}

/// @notice The proofs of test/symbolic replace `selfdestruct`. Here the same is done to a chequebook with the real one,
/// and to one with the replacement.
contract StandInTest is TestBase, StdAssertions, StdCheats {
    bool public constant IS_TEST = true;

    uint256 private constant DEPOSIT = 5 ether;

    Account private _signer = makeAccount("signer");
    Witness private _witness = new Witness();

    /// @dev The factory that the clones ask.
    function bornAt(address) external pure returns (uint256) {
        return 1;
    }

    function setUp() public {
        vm.roll(10);
    }

    function test_Kill() public {
        _compareForms(address(_witness), false);
    }

    function test_OverdraftToAccountWithoutCode() public {
        address payable payee = payable(makeAddr("payee"));
        vm.deal(payee, 1 ether);
        _compareForms(payee, true);
    }

    function test_OverdraftToNewAccount() public {
        _compareForms(makeAddr("new"), true);
    }

    /// The code of the recipient is not run, so it cannot refuse.
    function test_OverdraftToContractThatRefuses() public {
        _compareForms(address(_witness), true);
    }

    function test_WithoutBalance() public {
        _compare(_direct(false, 0), _direct(true, 0), address(_witness), true);
        _compare(_clone(false, 0), _clone(true, 0), address(_witness), false);
    }

    function _compareForms(address recipient, bool overdraft) private {
        _compare(_direct(false, DEPOSIT), _direct(true, DEPOSIT), recipient, overdraft);
        _compare(_clone(false, DEPOSIT), _clone(true, DEPOSIT), recipient, overdraft);
    }

    function _compare(IChequebook real, IChequebook standIn, address recipient, bool overdraft) private {
        (Witness.Seen memory wanted, Vm.Log[] memory wantedLogs) = _act(real, recipient, overdraft);
        (Witness.Seen memory found, Vm.Log[] memory foundLogs) = _act(standIn, recipient, overdraft);

        assertTrue(wanted.success);
        assertEq(abi.encode(found), abi.encode(wanted));
        assertEq(foundLogs.length, wantedLogs.length);
        assertEq(foundLogs.length, overdraft ? 4 : 1); // forge also records those of the second call, which reverts
        for (uint256 i = 0; i < foundLogs.length; ++i) {
            assertEq(foundLogs[i].emitter, address(standIn));
            assertEq(wantedLogs[i].emitter, address(real));
            assertEq(abi.encode(foundLogs[i].topics), abi.encode(wantedLogs[i].topics));
            assertEq(foundLogs[i].data, wantedLogs[i].data);
        }

        // After the transaction the two are alike only where code and storage survive.
        assertEq(standIn.killableAt(), type(uint256).max);
        assertEq(address(standIn).balance, address(real).balance);
        if (Hardfork.codeSurvives()) {
            assertEq(real.killableAt(), standIn.killableAt());
            assertEq(real.sent(recipient), standIn.sent(recipient));
        } else {
            assertEq(this.codeSize(address(real)), 0);
        }
    }

    function _act(IChequebook book, address recipient, bool overdraft)
        private
        returns (Witness.Seen memory seen, Vm.Log[] memory logs)
    {
        bytes memory call = abi.encodeCall(IMortal.kill, ());
        if (overdraft) {
            uint256 amount = 2 * DEPOSIT;
            (uint8 v, bytes32 r, bytes32 s) =
                vm.sign(_signer.key, keccak256(abi.encodePacked(address(book), recipient, amount)));
            call = abi.encodeCall(IChequebook.cash, (payable(recipient), amount, v, r, s));
        }
        vm.recordLogs();
        seen = _witness.act(book, call, recipient);
        logs = vm.getRecordedLogs();
    }

    function _direct(bool standIn, uint256 deposit) private returns (IChequebook book) {
        vm.roll(1);
        book = standIn
            ? IChequebook(new StandInChequebook(address(_witness), _signer.addr, 0))
            : IChequebook(new Chequebook(address(_witness), _signer.addr, 0));
        vm.roll(10);
        vm.deal(address(book), deposit);
    }

    function _clone(bool standIn, uint256 deposit) private returns (IChequebook book) {
        address implementation = standIn ? address(new StandInClone()) : address(new ChequebookClone());
        bytes memory code = abi.encodePacked(
            hex"6100593d81600a3d39f3363d3d373d3d3d363d73",
            implementation,
            hex"5af43d82803e903d91602b57fd5bf3",
            _witness,
            _signer.addr,
            uint32(0)
        );
        assembly ("memory-safe") {
            book := create(0, add(code, 32), mload(code))
        }
        vm.deal(address(book), deposit);
    }

    function codeSize(address account) external view returns (uint256) {
        return account.code.length;
    }
}
