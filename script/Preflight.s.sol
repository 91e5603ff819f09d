// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {console} from "forge-std/console.sol";

import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {ClearingHouse} from "../contracts/ClearingHouse.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {Base} from "./Base.s.sol";

/// @title Preflight
/// @notice Shows whether a chain can do what chequebooks need. Sends nothing. It fails if the chain lacks something.
///
///     forge script script/Preflight.s.sol --rpc-url $RPC_URL
///     forge script script/Preflight.s.sol --sig "show()" --rpc-url $RPC_URL
///
/// The second line prints the same questions as commands of cast, each with the answer of a good chain, 1.
///
/// @dev A script runs in forge's own EVM, which proves nothing about the chain. So each question is sent to the node:
/// `eth_call` of a creation, whose code does what it is to prove, and leaves 1 on the stack. The codes are written by
/// hand, and use nothing younger than the hardfork Constantinople but what they prove: that PUSH0 is missing must not
/// hide the rest.
/// @dev A node may answer otherwise than the blocks of its chain: only a transaction is a proof.
contract Preflight is Base {
    /// @dev Returns the word on the stack: PUSH1 0 MSTORE, PUSH1 32 PUSH1 0 RETURN.
    bytes private constant RETURN = hex"60005260206000f3";
    /// @dev Arachnid's deterministic deployment proxy.
    bytes private constant PROXY =
        hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";

    /// @dev An account that destroys itself when it is called, and one that receives its ether. Nobody has the keys.
    address private constant DYING = 0xc8e0eb00000000000000000000000000000D1e00;
    address private constant RECIPIENT = 0xC8E0EB00000000000000000000000000004ECE1B;

    /// @dev What it asks for, the code that leaves 1 on the stack, and what the node is to assume of the state, as
    /// JSON: empty if nothing.
    struct Question {
        string what;
        bytes code;
        string assumption;
    }

    /// @notice Thrown when the chain lacks `what`, or has other code there.
    error ChainLacks(string what);

    /// @dev The names of all that is lacking.
    string private _lacking;

    function run() external {
        Question[] memory questions = _questions();
        for (uint256 i = 0; i < questions.length; ++i) {
            _ask(questions[i]);
        }
        _askForCreation("factory can be created", type(ChequebookFactory).creationCode);
        _askForCreation("clearing house can be created", type(ClearingHouse).creationCode);
        _compareCodes();

        if (bytes(_lacking).length != 0) revert ChainLacks(_lacking);
    }

    /// @notice Prints the questions as commands of cast.
    function show() external view override {
        Question[] memory questions = _questions();
        for (uint256 i = 0; i < questions.length; ++i) {
            console.log("# %s", questions[i].what);
            console.log(
                "cast rpc --rpc-url $RPC_URL eth_call --raw '%s'",
                _parameters(questions[i].code, questions[i].assumption)
            );
        }
    }

    /* QUESTIONS */

    function _questions() private view returns (Question[] memory questions) {
        questions = new Question[](9);
        questions[0] = Question("PUSH0", _pushZero(), "");
        questions[1] = Question("CHAINID", _chainId(), "");
        questions[2] = Question("SELFBALANCE", _selfBalance(), "");
        questions[3] = Question("EXTCODECOPY", _extCodeCopy(), "");
        questions[4] = Question("CREATE2", _create2(), "");
        questions[5] = Question("ecrecover", _ecrecover(), "");
        questions[6] = Question("a call gets 63/64 of the gas", _gasOfACall(), "");
        questions[7] = Question("SELFDESTRUCT", _selfDestruct(), "");
        questions[8] = Question("SELFDESTRUCT moves ether", _movesEther(), _dying());
    }

    /// @dev PUSH0 ISZERO
    function _pushZero() private pure returns (bytes memory) {
        return bytes.concat(hex"5f15", RETURN);
    }

    /// @dev CHAINID, which is that of the node.
    function _chainId() private view returns (bytes memory) {
        return abi.encodePacked(hex"46", hex"7f", block.chainid, hex"14", RETURN);
    }

    /// @dev SELFBALANCE, which is ADDRESS BALANCE.
    function _selfBalance() private pure returns (bytes memory) {
        return bytes.concat(hex"47303114", RETURN);
    }

    /// @dev A contract returns the 32 bytes of its own code from the 13th on, as a clone reads its terms. There are 19;
    /// the others are zero.
    function _extCodeCopy() private pure returns (bytes memory) {
        bytes19 terms = 0x01020304050607080910111213141516171819;
        bytes memory runtime = abi.encodePacked(hex"6020600d6000303c60206000f3", terms);
        bytes memory child = abi.encodePacked(hex"7f", runtime, RETURN);
        // STATICCALL, and MLOAD(0) is the terms
        return
            _withChild(child, abi.encodePacked(hex"6020600060006000845afa", hex"6000517f", bytes32(terms), hex"1416"));
    }

    /// @dev CREATE2 of nothing with the salt 0 has the address that follows from the creator, the salt and the code.
    function _create2() private pure returns (bytes memory) {
        return abi.encodePacked(
            hex"3074ff",
            bytes20(0),
            hex"17600052", // memory 11…31: 0xff and ADDRESS; 32…63: the salt
            hex"6000600020604052", // 64…95: SHA3 of the code
            hex"6055600b20", // SHA3 of these 85 bytes
            hex"6000600060006000f5", // CREATE2
            hex"1860601b15",
            RETURN // the last 20 bytes are the same
        );
    }

    function _ecrecover() private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, bytes32(uint256(1)));
        return abi.encodePacked(
            abi.encodePacked(
                hex"6001600052", hex"60", v, hex"602052", hex"7f", r, hex"604052", hex"7f", s, hex"606052"
            ),
            hex"602060806080600060015afa", // STATICCALL of the precompile 1
            hex"60805173",
            vm.addr(1),
            hex"1416",
            RETURN
        );
    }

    /// @dev A contract returns its GAS, which is at most 63/64 of what its caller had: otherwise a beneficiary could
    /// use all of it.
    function _gasOfACall() private pure returns (bytes memory) {
        bytes memory child = abi.encodePacked(hex"68", hex"5a", RETURN, hex"60005260096017f3");
        return _withChild(child, hex"5a6020600060006000855afa6000518260061c8303101516");
    }

    /// @dev A contract destroys itself in its constructor: ADDRESS SELFDESTRUCT. It fails where that is refused.
    function _selfDestruct() private pure returns (bytes memory) {
        return _withChild(hex"30ff", hex"1515");
    }

    /// @dev CALL of an account that exists, and has 1 wei; then the recipient has it.
    function _movesEther() private pure returns (bytes memory) {
        return
            abi.encodePacked(hex"6000600060006000600073", DYING, hex"5af1", hex"73", RECIPIENT, hex"3160011416", RETURN);
    }

    function _dying() private pure returns (string memory) {
        string memory code = vm.toString(abi.encodePacked(hex"73", RECIPIENT, hex"ff"));
        return string.concat("{\"", vm.toString(DYING), "\":{\"balance\":\"0x1\",\"code\":\"", code, "\"}}");
    }

    /// @dev Creates `child` first, and leaves its address on the stack.
    function _withChild(bytes memory child, bytes memory then) private pure returns (bytes memory) {
        uint8 size = uint8(child.length);
        uint8 offset = uint8(14 + then.length + RETURN.length);
        bytes memory create =
            abi.encodePacked(hex"60", size, hex"60", offset, hex"600039", hex"60", size, hex"60006000f0");
        return bytes.concat(create, then, RETURN, child);
    }

    /* ASK */

    function _ask(Question memory question) private {
        (bool answered, bytes memory answer) = _call(_parameters(question.code, question.assumption));
        bool assumes = bytes(question.assumption).length != 0;
        if (!answered && assumes) {
            _print(question.what, "not known: perhaps the node takes no assumption of the state");
        } else {
            _report(question.what, _equal(string(answer), string(abi.encode(1))), "works", "MISSING");
        }
    }

    /// @dev That our own code can be created: its constructor runs, and its size is allowed.
    function _askForCreation(string memory what, bytes memory creationCode) private {
        (, bytes memory code) = _call(_parameters(creationCode, ""));
        _report(what, code.length != 0, "works", "FAILS");
    }

    function _call(string memory parameters) private returns (bool answered, bytes memory answer) {
        try vm.rpc("eth_call", parameters) returns (bytes memory data) {
            return (true, data);
        } catch {
            return (false, "");
        }
    }

    function _parameters(bytes memory code, string memory assumption) private pure returns (string memory) {
        string memory creation = string.concat("{\"data\":\"", vm.toString(code), "\"}");
        string memory more = bytes(assumption).length == 0 ? "" : string.concat(",", assumption);
        return string.concat("[", creation, ",\"latest\"", more, "]");
    }

    /* CODES */

    /// @dev Compares what is on the chain with what is created here, at the same addresses and never broadcast.
    function _compareCodes() private {
        address factory = address(_factory());
        address house = _standardAddress(type(ClearingHouse).creationCode);
        address implementation = vm.computeCreateAddress(factory, 1);
        address tokenImplementation = vm.computeCreateAddress(factory, 2);
        bytes memory proxy = _take(CREATE2_FACTORY);
        bytes[4] memory found = [_take(factory), _take(implementation), _take(tokenImplementation), _take(house)];

        vm.etch(CREATE2_FACTORY, PROXY);
        _create(type(ChequebookFactory).creationCode);
        _create(type(ClearingHouse).creationCode);

        _report(
            "deployment proxy",
            _equal(string(proxy), string(PROXY)),
            "there",
            proxy.length == 0 ? "MISSING" : "OTHER CODE"
        );
        _compareCode("factory", factory, found[0]);
        _compareCode("implementation of clones", implementation, found[1]);
        _compareCode("implementation of token clones", tokenImplementation, found[2]);
        _compareCode("clearing house", house, found[3]);
    }

    /// @dev The code of an account, which is removed.
    function _take(address account) private returns (bytes memory code) {
        code = account.code;
        vm.etch(account, "");
        vm.setNonceUnsafe(account, 0);
    }

    function _create(bytes memory creationCode) private {
        (bool success,) = CREATE2_FACTORY.call(bytes.concat(bytes32(0), creationCode));
        vm.assertTrue(success, "creation");
    }

    function _compareCode(string memory what, address account, bytes memory found) private {
        if (found.length == 0) _print(what, "not created yet: Infrastructure.s.sol does that");
        else _report(what, _equal(string(found), string(account.code)), "there", "OTHER CODE");
    }

    /* REPORT */

    function _report(string memory what, bool good, string memory yes, string memory no) private {
        _print(what, good ? yes : no);
        if (good) return;

        _lacking = bytes(_lacking).length == 0 ? what : string.concat(_lacking, ", ", what);
    }

    function _print(string memory what, string memory result) private pure {
        bytes memory column = "                                ";
        for (uint256 i = 0; i < bytes(what).length; ++i) {
            column[i] = bytes(what)[i];
        }
        console.log("%s%s", string(column), result);
    }
}
