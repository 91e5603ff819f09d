// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ScriptBase} from "forge-std/Base.sol";
import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

import {Chequebook} from "../contracts/Chequebook.sol";
import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {IChequebook, IMortal, IOwned} from "../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";

/// @title Base
/// @notice What the scripts share: the sender, the chequebook, the check that it is genuine, and the print of its
/// state.
///
///     CHEQUEBOOK=0x… forge script script/Kill.s.sol --sig "show()" --rpc-url $RPC_URL
///
/// prints the state of a chequebook on the chain and sends nothing. Every script has `show()`; that of Infrastructure
/// prints the factory and the clearing house.
///
/// @dev Not forge-std's `Script`, whose logging has so many warnings that solc would drop ours.
/// @dev Forge runs a script on a copy of the chain first. If that fails, nothing is broadcast. The copy has the
/// hardfork of foundry.toml: there a dead chequebook keeps its code, whatever the chain's own hardfork.
/// @dev Warning: the checks of a script read that copy. The state of the chain may be another one when a transaction is
/// mined; forge exits with an error if the transaction fails. `show()` prints the state of the chain itself.
abstract contract Base is ScriptBase {
    bool public constant IS_SCRIPT = true;

    /// @dev The `killableAt` of a dead chequebook.
    uint256 private constant DEAD = type(uint256).max;

    /// @notice Thrown when no wallet is given: forge would send from `sender`, its default, to which nobody has the
    /// key.
    error NoWallet(address sender);

    /// @notice Thrown when `account` has no code, or code that is not that of a chequebook.
    error NotAChequebook(address account);

    /// @notice Thrown when `account` has no code: on other chains that is the address of `what`, the deployment proxy,
    /// the factory or the clearing house.
    error NotOnThisChain(string what, address account);

    /// @notice Thrown when `chequebook` is dead, and the script requires one that is alive.
    error DeadChequebook(address chequebook);

    /// @notice Thrown when `sender` has less than it is to send. Both in wei.
    error InsufficientFunds(address sender, uint256 balance, uint256 needed);

    /// @notice Prints the state of the chequebook at $CHEQUEBOOK. Sends nothing.
    function show() external virtual {
        _print(_chequebook());
    }

    /* PARAMETERS */

    /// @dev `vm.envOr` also returns the default for a malformed value: a mistyped signer would silently become the
    /// owner.
    function _addressOr(string memory variable, address defaultValue) internal view returns (address) {
        return vm.envExists(variable) ? vm.envAddress(variable) : defaultValue;
    }

    function _uintOr(string memory variable, uint256 defaultValue) internal view returns (uint256) {
        return vm.envExists(variable) ? vm.envUint(variable) : defaultValue;
    }

    function _boolOr(string memory variable, bool defaultValue) internal view returns (bool) {
        return vm.envExists(variable) ? vm.envBool(variable) : defaultValue;
    }

    /* SENDER */

    /// @dev The account that forge broadcasts from. Only a broadcast knows it for every kind of wallet.
    function _sender() internal returns (address sender) {
        vm.startBroadcast();
        (, sender,) = vm.readCallers();
        vm.stopBroadcast();

        if (sender == DEFAULT_SENDER) {
            console.log("Choose a wallet: --account, --ledger, --private-key or --interactives 1");
            revert NoWallet(sender);
        }
    }

    /// @param needed What `sender` is to send, in wei, without the fee for gas.
    function _requireFunds(address sender, uint256 needed) internal view {
        if (sender.balance < needed) revert InsufficientFunds(sender, sender.balance, needed);
    }

    /* CHEQUEBOOK */

    /// @dev The chequebook at $CHEQUEBOOK. It is genuine, but may be dead.
    function _chequebook() internal returns (Chequebook) {
        address account = vm.envAddress("CHEQUEBOOK");
        _requireGenuine(account);

        return Chequebook(payable(account));
    }

    /// @dev A chequebook is genuine if it has code and either the factory created it, or its code is that of a direct
    /// deployment.
    function _requireGenuine(address account) internal {
        IChequebookFactory factory = _factory();
        bool created = address(factory).code.length != 0 && factory.bornAt(account) != 0;
        if (account.code.length == 0) revert NotAChequebook(account);
        if (!created) _requireTwin(account);
    }

    /// @dev The address of the factory, the same on every chain. It may have no code on this chain.
    function _factory() internal pure returns (IChequebookFactory) {
        return IChequebookFactory(_standardAddress(type(ChequebookFactory).creationCode));
    }

    /// @dev The address at which the deterministic deployment proxy creates a contract with salt zero.
    function _standardAddress(bytes memory creationCode) internal pure returns (address) {
        return vm.computeCreate2Address(0, keccak256(creationCode), CREATE2_FACTORY);
    }

    function _requireOnThisChain(string memory what, address account) internal view {
        if (account.code.length == 0) revert NotOnThisChain(what, account);
    }

    /// @dev Compares the code with that of two twins, which are created here and never broadcast. Immutables are part
    /// of the code, so the twins have the same owner, signer and notice period. Only the block of creation has no
    /// getter: the block numbers of the twins differ in every byte, so the twins differ exactly in the bytes of that
    /// immutable.
    function _requireTwin(address account) private {
        address owner = address(uint160(_ask(account, IOwned.owner.selector, type(uint160).max)));
        address signer = address(uint160(_ask(account, IChequebook.signer.selector, type(uint160).max)));
        uint32 noticePeriod = uint32(_ask(account, IMortal.noticePeriod.selector, type(uint32).max));
        if (owner == address(0)) revert NotAChequebook(account);

        bytes memory code = account.code;
        bytes memory first = _twinCode(owner, signer, noticePeriod, 0);
        bytes memory last = _twinCode(owner, signer, noticePeriod, type(uint256).max);

        bool genuine = code.length == first.length;
        for (uint256 i = 0; genuine && i < code.length; ++i) {
            genuine = code[i] == first[i] || first[i] != last[i];
        }
        if (!genuine) revert NotAChequebook(account);
    }

    function _twinCode(address owner, address signer, uint32 noticePeriod, uint256 bornAt)
        private
        returns (bytes memory)
    {
        uint256 blockNumber = vm.getBlockNumber(); // the optimizer may read `block.number` anew, after the roll
        vm.roll(bornAt);
        Chequebook twin = new Chequebook(owner, signer, noticePeriod);
        vm.roll(blockNumber);

        return address(twin).code;
    }

    /// @dev The answer of a getter, which must be at most `max`. A low-level call, since `account` may be any contract.
    function _ask(address account, bytes4 getter, uint256 max) private view returns (uint256 answer) {
        (bool success, bytes memory data) = account.staticcall(abi.encodePacked(getter));
        if (!success || data.length != 32) revert NotAChequebook(account);

        answer = abi.decode(data, (uint256));
        if (answer > max) revert NotAChequebook(account);
    }

    /* ACTION */

    /// @dev Prints what is true at that moment: `action` worked on a copy of the chain, and is not sent yet.
    function _printAction(string memory action) internal view {
        bool broadcasts = vm.isContext(VmSafe.ForgeContext.ScriptBroadcast);
        string memory next = broadcasts ? "forge broadcasts it now" : "nothing is sent without --broadcast";
        console.log("%s: works on a copy of the chain, %s.", action, next);
    }

    /* STATE */

    function _isDead(Chequebook chequebook) internal view returns (bool) {
        return chequebook.killableAt() == DEAD;
    }

    function _requireAlive(Chequebook chequebook) internal view {
        if (_isDead(chequebook)) revert DeadChequebook(address(chequebook));
    }

    function _print(Chequebook chequebook) internal view {
        console.log("Chequebook:    %s", address(chequebook));
        console.log("Owner:         %s", chequebook.owner());
        console.log("Signer:        %s", chequebook.signer());
        console.log("Notice period: %s seconds", chequebook.noticePeriod());
        _printWei("Balance:      ", address(chequebook).balance);

        uint256 killableAt = chequebook.killableAt();
        if (killableAt == 0) console.log("End:           not announced");
        else if (killableAt == DEAD) console.log("End:           dead");
        else console.log("End:           announced, killable from %s on (Unix seconds)", killableAt);
    }

    function _printWei(string memory what, uint256 amount) internal pure {
        console.log("%s %s wei (%18e ether)", what, amount, amount);
    }
}
