// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

import {ClearingHouse} from "../contracts/ClearingHouse.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../contracts/interfaces/IClearingHouse.sol";
import {ChequeBase} from "./ChequeBase.s.sol";

/// @title CashMany
/// @notice Cashes many cheques, of one or many chequebooks, in one transaction through the clearing house. A cheque
/// that cannot be cashed is skipped and printed. Anyone may cash them; the beneficiaries are paid.
///
///     CHEQUES="$(cat cheques.json)" forge script script/CashMany.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUES: a JSON array of cheques, each as {ChequeBase} says. Required.
/// - ONLY_IF_COVERED: true skips a cheque for which the balance is too low. False cashes it: it pays the whole balance,
///   and the chequebook dies. Default: true.
/// - GAS_EACH: the maximum gas for one cheque. Default: 120000, enough for a clone, a new account and some code of the
///   beneficiary. The sender must be able to pay that for all cheques; gas that is not used costs nothing.
contract CashMany is ChequeBase {
    uint256 private constant DEFAULT_GAS_EACH = 120_000;
    /// @dev An upper bound of the gas that the clearing house itself needs for a cheque in a batch of its own, with the
    /// gas of its calldata.
    uint256 private constant OWN_GAS = 16_000;
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Thrown when $CHEQUES has no cheque.
    error NoCheques();

    /// @notice Thrown when $GAS_EACH is above `max`.
    error GasEachTooHigh(uint256 gasEach, uint256 max);

    /// @notice Thrown when `s` of a signature is above `max`: the clearing house takes only the low `s`.
    error HighS(uint256 s, uint256 max);

    function run() external returns (uint256 cashed) {
        _sender();
        address house = _standardAddress(type(ClearingHouse).creationCode);
        _requireOnThisChain("clearing house", house);
        Cheque[] memory cheques = _cheques();
        uint256 gasEach = _uintOr("GAS_EACH", DEFAULT_GAS_EACH);
        if (gasEach > type(uint32).max) revert GasEachTooHigh(gasEach, type(uint32).max);
        IClearingHouse.Batch[] memory batches = _batches(cheques, _boolOr("ONLY_IF_COVERED", true));
        // Forge's own gas limit is what its run has used, which is less than the clearing house requires.
        uint256 gas = 50_000 + cheques.length * (gasEach + OWN_GAS) + gasEach / 63;

        vm.recordLogs();
        vm.broadcast();
        // forge-lint: disable-next-line(unsafe-typecast) -- checked above
        cashed = IClearingHouse(house).cash{gas: gas}(batches, uint32(gasEach));

        _printAction("Cash");
        console.log("Cashed:        %s of %s cheques", cashed, cheques.length);
        _printSkipped(house, vm.getRecordedLogs());
    }

    /* READ */

    function _cheques() private returns (Cheque[] memory cheques) {
        string memory json = string.concat("{\"cheques\":", vm.envString("CHEQUES"), "}");
        uint256 count = 0;
        while (vm.keyExistsJson(json, _at(count))) ++count;
        if (count == 0) revert NoCheques();

        cheques = new Cheque[](count);
        for (uint256 i = 0; i < count; ++i) {
            cheques[i] = _parse(json, _at(i));
            _requireGenuine(cheques[i].chequebook);
            _requireSigned(cheques[i]);
            if (uint256(cheques[i].s) > HALF_ORDER) revert HighS(uint256(cheques[i].s), HALF_ORDER);
        }
    }

    function _at(uint256 index) private pure returns (string memory) {
        return string.concat(".cheques[", vm.toString(index), "]");
    }

    /* BATCHES */

    /// @dev Adjacent cheques of the same chequebook and the same kind are put into one batch.
    function _batches(Cheque[] memory cheques, bool onlyIfCovered)
        private
        pure
        returns (IClearingHouse.Batch[] memory batches)
    {
        uint256 count = 0;
        for (uint256 i = 0; i < cheques.length; i += _length(cheques, i)) {
            ++count;
        }

        batches = new IClearingHouse.Batch[](count);
        uint256 from = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 length = _length(cheques, from);
            batches[i] = IClearingHouse.Batch({
                chequebook: IChequebook(payable(cheques[from].chequebook)),
                typed: cheques[from].typed,
                onlyIfCovered: onlyIfCovered,
                cheques: new IClearingHouse.Cheque[](length)
            });
            for (uint256 j = 0; j < length; ++j) {
                batches[i].cheques[j] = _compact(cheques[from + j]);
            }
            from += length;
        }
    }

    /// @dev The number of cheques from `from` on that belong to one batch.
    function _length(Cheque[] memory cheques, uint256 from) private pure returns (uint256 length) {
        length = 1;
        while (
            from + length < cheques.length && cheques[from + length].chequebook == cheques[from].chequebook
                && cheques[from + length].typed == cheques[from].typed
        ) ++length;
    }

    /// @dev ERC-2098: the parity of `v` in the highest bit of `s`, which is unused. The signature is valid, so `v` is
    /// 27 or 28.
    function _compact(Cheque memory cheque) private pure returns (IClearingHouse.Cheque memory) {
        bytes32 vs = bytes32(uint256(cheque.s) | (uint256(cheque.v) - 27) << 255);
        return IClearingHouse.Cheque(cheque.beneficiary, cheque.amount, cheque.r, vs);
    }

    /* REPORT */

    function _printSkipped(address house, Vm.Log[] memory logs) private pure {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != house) continue;

            (uint256 amount, bytes4 reason) = abi.decode(logs[i].data, (uint256, bytes4));
            console.log("Skipped:       a cheque of %s", _address(logs[i].topics[1]));
            console.log("  to           %s", _address(logs[i].topics[2]));
            _printWei("  amount      ", amount);
            console.log("  because      %s", _name(reason));
        }
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _name(bytes4 reason) private pure returns (string memory) {
        if (reason == IChequebook.StaleCheque.selector) return "it is cashed already";
        if (reason == IClearingHouse.NotCovered.selector) return "the balance does not cover it";
        if (reason == IChequebook.PaymentFailed.selector) return "the beneficiary refuses the payment";
        return string.concat("of error ", vm.toString(abi.encodePacked(reason)));
    }
}
