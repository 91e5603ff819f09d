// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ScriptBase} from "forge-std/Base.sol";
import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ChequebookFactory} from "../contracts/ChequebookFactory.sol";
import {IChequebook, IMortal, IOwned} from "../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../contracts/interfaces/IChequebookFactory.sol";
import {ITokenChequebook} from "../contracts/interfaces/ITokenChequebook.sol";

/// @title Base
/// @notice What the scripts share: the sender, the chequebook, what the factory knows of it, and the print of its
/// state.
///
///     CHEQUEBOOK=0x… forge script script/Kill.s.sol --sig "show()" --rpc-url $RPC_URL
///
/// prints the state of a chequebook on the chain and sends nothing. Every script has `show()`; that of Infrastructure
/// prints the factory and the clearing house.
///
/// A chequebook that the factory did not create is *unproven*: its code and its answers prove nothing, because any
/// constructor can write storage first, and then leave exactly the code of a chequebook.
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

    /// @notice Thrown when `account` has no code, or does not answer like a chequebook, and the factory did not create
    /// it.
    error NotAChequebook(address account);

    /// @notice Thrown when the factory created `chequebook` in the block `bornAt`, and it has no code any more: on a
    /// chain before Cancun a dead one is erased, and whatever is sent there is lost.
    error Erased(address chequebook, uint256 bornAt);

    /// @notice Thrown when `account` has no code: on other chains that is the address of `what`, the deployment proxy,
    /// the factory or the clearing house.
    error NotOnThisChain(string what, address account);

    /// @notice Thrown when `chequebook` is dead, and the script requires one that is alive.
    error DeadChequebook(address chequebook);

    /// @notice Thrown when `sender` is not the `owner`, who alone may do that.
    error SenderIsNotOwner(address sender, address owner);

    /// @dev A chequebook, and what the factory knows of it. The form is `None` if it is unproven. The token is zero if
    /// the asset is ether.
    struct Known {
        IChequebook chequebook;
        IChequebookFactory.Form form;
        IERC20 token;
    }

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

    function _stringOr(string memory variable, string memory defaultValue) internal view returns (string memory) {
        return vm.envExists(variable) ? vm.envString(variable) : defaultValue;
    }

    function _boolOr(string memory variable, bool defaultValue) internal view returns (bool) {
        return vm.envExists(variable) ? vm.envBool(variable) : defaultValue;
    }

    function _equal(string memory a, string memory b) internal pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
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

    function _requireOwner(address sender, Known memory known) internal view {
        address owner = known.chequebook.owner();
        if (sender != owner) revert SenderIsNotOwner(sender, owner);
    }

    /* CHEQUEBOOK */

    /// @dev The chequebook at $CHEQUEBOOK. It may be dead, or unproven: then this prints a warning.
    function _chequebook() internal view returns (Known memory) {
        return _lookUp(vm.envAddress("CHEQUEBOOK"));
    }

    function _lookUp(address account) internal view returns (Known memory known) {
        IChequebookFactory.Record memory record = _record(account);
        bool exists = account.code.length != 0;
        if (record.bornAt != 0 && !exists) revert Erased(account, record.bornAt);
        if (record.bornAt == 0 && !(exists && _answers(account))) revert NotAChequebook(account);

        known = Known(IChequebook(payable(account)), record.form, IERC20(record.token));
        if (_isProven(known)) return known;

        known.token = _claimedToken(account);
        console.log("Warning: %s is unproven: the factory did not create it.", account);
        console.log("  Whatever it answers may be false, and it may do anything with a deposit.");
    }

    function _isProven(Known memory known) internal pure returns (bool) {
        return known.form != IChequebookFactory.Form.None;
    }

    /// @dev Whether an account answers the questions that {_print} asks. A low-level call, since it may be any contract.
    function _answers(address account) private view returns (bool) {
        bytes4[4] memory getters = [
            IOwned.owner.selector,
            IChequebook.signer.selector,
            IMortal.noticePeriod.selector,
            IMortal.killableAt.selector
        ];
        for (uint256 i = 0; i < getters.length; ++i) {
            (bool success, bytes memory data) = account.staticcall(abi.encodePacked(getters[i]));
            if (!success || data.length != 32) return false;
        }
        return true;
    }

    /// @dev The token of an unproven chequebook, if it names one.
    function _claimedToken(address account) private view returns (IERC20) {
        (bool success, bytes memory data) = account.staticcall(abi.encodePacked(ITokenChequebook.token.selector));
        bool named = success && data.length == 32;

        return IERC20(named ? address(uint160(abi.decode(data, (uint256)))) : address(0));
    }

    /* FACTORY */

    /// @dev The address of the factory, the same on every chain. It may have no code on this chain.
    function _factory() internal pure returns (IChequebookFactory) {
        return IChequebookFactory(_standardAddress(type(ChequebookFactory).creationCode));
    }

    /// @dev All zero if the factory did not create the account, or is not on this chain.
    function _record(address account) internal view returns (IChequebookFactory.Record memory record) {
        IChequebookFactory factory = _factory();
        if (address(factory).code.length != 0) record = factory.record(account);
    }

    /// @dev The address at which the deterministic deployment proxy creates a contract with salt zero.
    function _standardAddress(bytes memory creationCode) internal pure returns (address) {
        return vm.computeCreate2Address(0, keccak256(creationCode), CREATE2_FACTORY);
    }

    function _requireOnThisChain(string memory what, address account) internal view {
        if (account.code.length == 0) revert NotOnThisChain(what, account);
    }

    /* ACTION */

    /// @dev Prints what is true at that moment: `action` worked on a copy of the chain, and is not sent yet.
    function _printAction(string memory action) internal view {
        bool broadcasts = vm.isContext(VmSafe.ForgeContext.ScriptBroadcast);
        string memory next = broadcasts ? "forge broadcasts it now" : "nothing is sent without --broadcast";
        console.log("%s: works on a copy of the chain, %s.", action, next);
    }

    /* STATE */

    function _isDead(Known memory known) internal view returns (bool) {
        return known.chequebook.killableAt() == DEAD;
    }

    function _requireAlive(Known memory known) internal view {
        if (_isDead(known)) revert DeadChequebook(address(known.chequebook));
    }

    /// @dev What `account` has of the asset of a chequebook: wei, or the smallest units of its token.
    function _assets(Known memory known, address account) internal view returns (uint256) {
        return _isEther(known.token) ? account.balance : known.token.balanceOf(account);
    }

    function _balance(Known memory known) internal view returns (uint256) {
        return _assets(known, address(known.chequebook));
    }

    function _isEther(IERC20 token) internal pure returns (bool) {
        return address(token) == address(0);
    }

    function _print(Known memory known) internal view {
        IChequebook chequebook = known.chequebook;
        console.log("Chequebook:    %s", address(chequebook));
        console.log("Form:          %s", _name(known.form));
        if (_isEther(known.token)) console.log("Asset:         ether");
        else console.log("Asset:         the token %s", address(known.token));
        console.log("Owner:         %s", chequebook.owner());
        console.log("Signer:        %s", chequebook.signer());
        console.log("Notice period: %s seconds", chequebook.noticePeriod());
        _printAmount("Balance:      ", known.token, _balance(known));

        uint256 killableAt = chequebook.killableAt();
        if (killableAt == 0) console.log("End:           not announced");
        else if (killableAt == DEAD) console.log("End:           dead");
        else console.log("End:           announced, killable from %s on (Unix seconds)", killableAt);
    }

    function _name(IChequebookFactory.Form form) internal pure returns (string memory) {
        if (form == IChequebookFactory.Form.Direct) return "direct";
        if (form == IChequebookFactory.Form.Clone) return "clone";
        if (form == IChequebookFactory.Form.Token) return "token";
        return "unproven";
    }

    /// @dev A token may have any number of decimals, or a false one, so its amounts are printed in its smallest unit.
    function _printAmount(string memory what, IERC20 token, uint256 amount) internal pure {
        if (_isEther(token)) console.log("%s %s wei (%18e ether)", what, amount, amount);
        else console.log("%s %s smallest units of the token %s", what, amount, address(token));
    }
}
