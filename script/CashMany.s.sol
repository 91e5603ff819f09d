// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ClearingHouse} from "../contracts/ClearingHouse.sol";
import {IChequebook} from "../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../contracts/interfaces/IClearingHouse.sol";
import {ChequeBase} from "./ChequeBase.s.sol";

/// @title CashMany
/// @notice Cashes many cheques, of one or many chequebooks, through the clearing house, in as few transactions as the
/// gas limit of a transaction allows. Anyone may cash them; the beneficiaries are paid. A cheque that cannot be cashed,
/// or is not covered, is printed and not sent: once it was sent it would be public, and anybody could overdraw its
/// chequebook with it.
///
///     CHEQUES="$(cat cheques.json)" forge script script/CashMany.s.sol --rpc-url $RPC_URL --account <name> --broadcast
///
/// - CHEQUES: a JSON array of cheques, each as {ChequeBase} says. Required.
/// - GAS_EACH: the maximum gas for one cheque. Default: 120000, enough for every form, a new account and some code of
///   the beneficiary, up to the hardfork osaka (amsterdam: docs/chains.md). The sender must be able to pay that for all
///   cheques; gas that is not used costs nothing.
contract CashMany is ChequeBase {
    /// @dev The gas limit of a transaction (EIP-7825).
    uint256 private constant MAX_GAS = 1 << 24;
    /// @dev An upper bound of the gas of a transaction apart from its cheques.
    uint256 private constant BASE_GAS = 50_000;
    /// @dev An upper bound of the gas that the clearing house itself needs for a cheque, with the gas of its calldata.
    uint256 private constant OWN_GAS = 12_000;
    uint256 private constant DEFAULT_GAS_EACH = 120_000;
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Thrown when $CHEQUES has no cheque.
    error NoCheques();

    /// @notice Thrown when none of the `cheques` can be cashed.
    error NothingToCash(uint256 cheques);

    /// @notice Thrown when $GAS_EACH is above `max`: not even one cheque fits into a transaction.
    error GasEachTooHigh(uint256 gasEach, uint256 max);

    /// @notice Thrown when `s` of a signature is above `max`: the clearing house takes only the low `s`.
    error HighS(uint256 s, uint256 max);

    function run() external {
        _sender();
        IClearingHouse house = IClearingHouse(_standardAddress(type(ClearingHouse).creationCode));
        _requireOnThisChain("clearing house", address(house));
        uint32 gasEach = _gasEach();
        IClearingHouse.Cheque[] memory all = _cheques();
        IClearingHouse.Cheque[] memory good = _withoutSkipped(house, all, gasEach);
        if (good.length == 0) revert NothingToCash(all.length);

        uint256 most = (MAX_GAS - _gas(0, gasEach)) / (_gas(1, gasEach) - _gas(0, gasEach));
        uint256 transactions = 0;
        for (uint256 from = 0; from < good.length; from += most) {
            _cash(house, _slice(good, from, most), gasEach);
            ++transactions;
        }

        _printAction("Cash");
        console.log("Cashed:        %s of %s cheques, in %s transactions", good.length, all.length, transactions);
    }

    /* READ */

    /// @dev At most what lets one cheque fit into a transaction.
    function _gasEach() private view returns (uint32) {
        uint256 gasEach = _uintOr("GAS_EACH", DEFAULT_GAS_EACH);
        uint256 max = (MAX_GAS - BASE_GAS - OWN_GAS) * 63 / 64;
        if (gasEach > max) revert GasEachTooHigh(gasEach, max);

        // forge-lint: disable-next-line(unsafe-typecast) -- checked above
        return uint32(gasEach);
    }

    function _cheques() private view returns (IClearingHouse.Cheque[] memory cheques) {
        string memory json = string.concat("{\"cheques\":", vm.envString("CHEQUES"), "}");
        uint256 count = 0;
        while (vm.keyExistsJson(json, _at(count))) ++count;
        if (count == 0) revert NoCheques();

        cheques = new IClearingHouse.Cheque[](count);
        for (uint256 i = 0; i < count; ++i) {
            Cheque memory cheque = _parse(json, _at(i));
            // Without code there is no signer to ask: the clearing house skips the cheque.
            if (cheque.chequebook.code.length != 0) {
                bool seen = i != 0 && cheque.chequebook == address(cheques[i - 1].chequebook);
                if (!seen) _lookUp(cheque.chequebook); // prints a warning if it is unproven
                _requireSigned(cheque);
            }
            cheques[i] = _compact(cheque);
        }
    }

    function _at(uint256 index) private pure returns (string memory) {
        return string.concat(".cheques[", vm.toString(index), "]");
    }

    /// @dev ERC-2098: the parity of `v` in the highest bit of `s`, which is unused.
    function _compact(Cheque memory cheque) private pure returns (IClearingHouse.Cheque memory) {
        if (uint256(cheque.s) > HALF_ORDER) revert HighS(uint256(cheque.s), HALF_ORDER);

        return IClearingHouse.Cheque({
            chequebook: IChequebook(payable(cheque.chequebook)),
            beneficiary: cheque.beneficiary,
            amount: cheque.amount,
            typed: cheque.typed,
            r: cheque.r,
            vs: bytes32(uint256(cheque.s) | (uint256(cheque.v) - 27) << 255)
        });
    }

    /* CASH */

    /// @dev Cashes each cheque by itself, in their order, and takes it all back. A skipped cheque changes nothing, so
    /// without it the others do the same.
    function _withoutSkipped(IClearingHouse house, IClearingHouse.Cheque[] memory all, uint32 gasEach)
        private
        returns (IClearingHouse.Cheque[] memory good)
    {
        good = new IClearingHouse.Cheque[](all.length);
        uint256 count = 0;

        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i < all.length; ++i) {
            vm.recordLogs();
            if (house.cash(_slice(all, i, 1), gasEach) == 1) good[count++] = all[i];
            else _printSkipped(all[i], vm.getRecordedLogs());
        }
        vm.revertToState(snapshot);

        return _slice(good, 0, count);
    }

    function _cash(IClearingHouse house, IClearingHouse.Cheque[] memory cheques, uint32 gasEach) private {
        // Otherwise forge's limit would be 1.3 times what its run has used, which the clearing house refuses.
        uint256 gas = _gas(cheques.length, gasEach);

        vm.broadcast();
        uint256 cashed = house.cash{gas: gas}(cheques, gasEach);

        vm.assertEq(cashed, cheques.length, "cashed");
    }

    /// @dev The gas limit of a transaction.
    function _gas(uint256 count, uint256 gasEach) private pure returns (uint256) {
        return BASE_GAS + count * (gasEach + OWN_GAS) + gasEach / 63;
    }

    /// @dev At most `count` cheques, from the one with index `from` on.
    function _slice(IClearingHouse.Cheque[] memory cheques, uint256 from, uint256 count)
        private
        pure
        returns (IClearingHouse.Cheque[] memory slice)
    {
        uint256 rest = cheques.length - from;
        slice = new IClearingHouse.Cheque[](count < rest ? count : rest);
        for (uint256 i = 0; i < slice.length; ++i) {
            slice[i] = cheques[from + i];
        }
    }

    /* REPORT */

    /// @dev The last event is that of the clearing house.
    function _printSkipped(IClearingHouse.Cheque memory cheque, Vm.Log[] memory logs) private view {
        (, bytes4 reason) = abi.decode(logs[logs.length - 1].data, (uint256, bytes4));
        console.log("Skipped:       a cheque of %s", address(cheque.chequebook));
        console.log("  to           %s", cheque.beneficiary);
        _printAmount("  amount      ", IERC20(_record(address(cheque.chequebook)).token), cheque.amount);
        console.log("  because      %s", _name(reason));
    }

    function _name(bytes4 reason) private pure returns (string memory) {
        if (reason == IChequebook.StaleCheque.selector) return "it is cashed already";
        if (reason == IChequebook.NotCovered.selector) return "the balance does not cover it";
        if (reason == IChequebook.PaymentFailed.selector) return "the beneficiary, or the token, refuses the payment";
        if (reason == IClearingHouse.NoChequebook.selector) return "the chequebook is not created, or erased";
        if (reason == IClearingHouse.Failed.selector) return "it failed without an error; GAS_EACH may be too low";
        return string.concat("of error ", vm.toString(abi.encodePacked(reason)));
    }
}
