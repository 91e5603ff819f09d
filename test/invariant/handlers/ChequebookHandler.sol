// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClearingHouse} from "../../../contracts/ClearingHouse.sol";
import {IChequebook, IMortal, IOwned} from "../../../contracts/interfaces/IChequebook.sol";
import {IClearingHouse} from "../../../contracts/interfaces/IClearingHouse.sol";
import {ITokenChequebook} from "../../../contracts/interfaces/ITokenChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../../Forms.t.sol";
import {GasBurner, Reenterer, Refuser} from "../../mocks/Payees.sol";
import {Cheques, Scheme, Signature} from "../../utils/Cheques.sol";
import {Ledger} from "./Ledger.sol";

/// @notice Does at random whatever anyone can do to a few chequebooks, and records what it sees in the {Ledger}. Each
/// action first predicts its outcome; one with another outcome fails the campaign.
abstract contract ChequebookHandler is Ledger, FormTest {
    uint256 private constant MAX_CHEQUEBOOKS = 6;
    uint256 private constant MAX_AMOUNT = 1e20;
    uint32 private constant PAYMENT_GAS = 2_000_000;

    enum Way {
        ByCash,
        IfCovered,
        ThroughTheHouse
    }

    /// @dev The cheque that the reenterer cashes while it is paid.
    struct Prepared {
        IChequebook chequebook;
        uint256 amount;
        uint256 payments;
    }

    Prepared private _prepared;
    Refuser private _refuser = new Refuser();
    Reenterer private _reenterer = new Reenterer();
    address private _burner = address(new GasBurner());
    ClearingHouse private _house = _newClearingHouse();

    constructor() {
        payees = [payee, otherPayee, payable(_refuser), payable(_reenterer), payable(_burner)];
    }

    /// @dev CB1 and CB3, for every chequebook and payee, before and after an action.
    modifier watched(bool mayPay) {
        uint256[] memory held = _balances();
        _;
        _compare(held, mayPay);
    }

    /// @dev A function, so that it is in the bytecode only once.
    function _compare(uint256[] memory held, bool mayPay) private {
        for (uint256 i; i < held.length; i++) {
            _expect(3, mayPay || _balance(address(chequebooks[i])) >= held[i]);
        }
        for (uint256 i; i < chequebooks.length; i++) {
            if (_erased(chequebooks[i])) continue;
            for (uint256 j; j < payees.length; j++) {
                uint256 sent = chequebooks[i].sent(payees[j]);
                _expect(1, sent >= _seen[chequebooks[i]][payees[j]]);
                _seen[chequebooks[i]][payees[j]] = sent;
            }
        }
    }

    /* CREATE, DEPOSIT */

    function create(bool patient, uint256 amount) external watched(false) {
        vm.assume(chequebooks.length < MAX_CHEQUEBOOKS);
        amount = bound(amount, 0, MAX_AMOUNT);
        uint32 notice = patient ? NOTICE : 0;
        IChequebook chequebook = _createInThisBlock(notice, amount);
        _addChequebook(chequebook, amount, notice, vm.getBlockNumber());
    }

    function deposit(uint256 which, uint256 amount) external watched(false) {
        IChequebook chequebook = _pick(which);
        amount = bound(amount, 0, MAX_AMOUNT);

        bool success = _deposit(chequebook, amount);

        if (success) _record(chequebook).amountIn += amount;
        bool refused = _record(chequebook).dead && !_erased(chequebook) && !_isToken();
        if (_expect(7, !success || !refused)) assertEq(success, !refused, "deposit");
    }

    function force(uint256 which, uint256 amount) external watched(false) {
        IChequebook chequebook = _pick(which);
        amount = bound(amount, 0, MAX_AMOUNT);

        _force(chequebook, amount);

        _record(chequebook).amountIn += amount;
    }

    /* CASH */

    /// @dev A new cheque, from one unit above `sent` to a little above the balance; with `farTooMuch`, far above it.
    function cash(uint256 which, uint256 who, uint256 amount, bool typed, bool farTooMuch) external watched(true) {
        _cashAndCompare(_newCheque(which, who, amount, typed, farTooMuch), Way.ByCash);
    }

    function cashIfCovered(uint256 which, uint256 who, uint256 amount, bool typed, bool farTooMuch)
        external
        watched(true)
    {
        _cashAndCompare(_newCheque(which, who, amount, typed, farTooMuch), Way.IfCovered);
    }

    /// @dev A new cheque through the clearing house, between two that it must skip.
    function clear(uint256 which, uint256 who, uint256 amount, bool typed, bool farTooMuch) external watched(true) {
        _cashAndCompare(_newCheque(which, who, amount, typed, farTooMuch), Way.ThroughTheHouse);
    }

    function _newCheque(uint256 which, uint256 who, uint256 amount, bool typed, bool farTooMuch)
        private
        returns (Cheque memory cheque)
    {
        cheque.chequebook = _pick(which);
        cheque.beneficiary = payees[who % payees.length];
        uint256 balance = _balance(address(cheque.chequebook));
        cheque.amount = _sent(cheque.chequebook, cheque.beneficiary)
            + bound(amount, 1, farTooMuch ? type(uint128).max : balance + balance / 8 + 1);
        cheque.scheme = _scheme(typed);

        cheques.push(cheque);
        _recordPromise(cheque.chequebook, cheque.beneficiary, cheque.amount);
    }

    /// @dev CB8: a cheque that was signed before, and perhaps cashed.
    function cashAgain(uint256 index, uint8 way) external watched(true) {
        vm.assume(cheques.length > 0);
        _cashAndCompare(cheques[index % cheques.length], Way(way % 3));
    }

    /// @dev CB5, CB9: a cheque that another key signed, or that is of another chequebook.
    function cashForged(uint256 which, uint256 who, uint256 amount, bool typed, bool foreign) external watched(false) {
        Cheque memory cheque;
        cheque.chequebook = _pick(which);
        IChequebook other = _pick(which % chequebooks.length + 1);
        vm.assume(!_erased(cheque.chequebook) && address(cheque.chequebook) != address(other));
        cheque.beneficiary = payees[who % payees.length];
        cheque.amount = bound(amount, _sent(cheque.chequebook, cheque.beneficiary) + 1, type(uint256).max);
        cheque.scheme = _scheme(typed);
        Signature memory forged = Cheques.sign(
            cheque.scheme,
            foreign ? signer.key : owner.key,
            address(foreign ? other : cheque.chequebook),
            cheque.beneficiary,
            cheque.amount
        );

        bytes memory data = amount % 2 == 0
            ? Cheques.cashCall(cheque.scheme, cheque.beneficiary, cheque.amount, forged)
            : Cheques.coveredCall(cheque.scheme, cheque.beneficiary, cheque.amount, forged);
        (bool success, bytes memory answer) = _call(stranger, cheque.chequebook, data);

        if (_expect(foreign ? 9 : 5, !success)) assertEq(answer, _error(IChequebook.InvalidSignature.selector));
    }

    /// @dev The reenterer cashes this cheque during the next payment to it.
    function prepareReentrance(uint256 which, uint256 amount) external {
        IChequebook chequebook = _pick(which);
        amount = bound(amount, 1, _balance(address(chequebook)) + 1) + _sent(chequebook, address(_reenterer));
        _recordPromise(chequebook, address(_reenterer), amount);
        _prepared = Prepared({chequebook: chequebook, amount: amount, payments: _reenterer.payments()});
        address payable to = payable(_reenterer);
        Signature memory signature = _sign(Scheme.Packed, chequebook, to, amount);
        _reenterer.prepare(address(chequebook), Cheques.cashCall(Scheme.Packed, to, amount, signature));
    }

    function setRefusal(bool accepting) external {
        _refuser.accept(accepting);
    }

    /* END OF LIFE */

    function announceKill(uint256 which, bool byOwner) external watched(false) {
        IChequebook chequebook = _pick(which);
        if (_command(chequebook, byOwner, IMortal.announceKill.selector, _deadRefusal(chequebook))) {
            _record(chequebook).announcedAt = vm.getBlockTimestamp();
        }
    }

    function cancelKill(uint256 which, bool byOwner) external watched(false) {
        IChequebook chequebook = _pick(which);
        bytes memory refusal = _deadRefusal(chequebook);
        if (refusal.length == 0 && _record(chequebook).announcedAt == 0) {
            refusal = _error(IMortal.NotAnnounced.selector);
        }
        if (_command(chequebook, byOwner, IMortal.cancelKill.selector, refusal)) {
            _record(chequebook).announcedAt = 0;
        }
    }

    function kill(uint256 which, bool byOwner) external watched(true) {
        IChequebook chequebook = _pick(which);
        uint256 before = _balance(owner.addr);
        uint256 held = _balance(address(chequebook));
        if (!_command(chequebook, byOwner, IMortal.kill.selector, _killRefusal(chequebook))) return;

        Record storage record_ = _record(chequebook);
        assertEq(_balance(owner.addr) - before, held, "refund");
        record_.amountOut += held;
        _bury(chequebook);
    }

    /// @dev Of tokens only.
    function reclaim(uint256 which, bool byOwner) external watched(true) {
        IChequebook chequebook = _pick(which);
        bool dead = _record(chequebook).dead;
        bytes memory refusal = dead ? bytes("") : _error(ITokenChequebook.NotDead.selector);
        uint256 before = _balance(owner.addr);
        uint256 held = _balance(address(chequebook));
        if (!byOwner) refusal = abi.encodeWithSelector(IOwned.NotOwner.selector, stranger);

        (bool success, bytes memory answer) = _call(
            byOwner ? owner.addr : stranger, chequebook, abi.encodeWithSelector(ITokenChequebook.reclaim.selector)
        );

        if (!_expect(5, byOwner || !success) || !_expect(3, dead || !success)) return;
        assertEq(success, refusal.length == 0, "reclaim");
        assertEq(answer, refusal);
        if (!success) return;
        assertEq(_balance(owner.addr) - before, held, "reclaimed");
        _record(chequebook).amountOut += held;
    }

    function balanceOf(address account) external view returns (uint256) {
        return _balance(account);
    }

    /// @dev Whether the asset is a token, so that the dead can be reclaimed from.
    function isToken() external pure returns (bool) {
        return _isToken();
    }

    function passTime(uint256 time) external {
        skip(bound(time, 1, NOTICE));
        vm.roll(vm.getBlockNumber() + 1);
    }

    /* HELPERS */

    function _cashAndCompare(Cheque memory cheque, Way way) private {
        IChequebook chequebook = cheque.chequebook;
        bytes memory refusal = _refusal(chequebook, cheque.beneficiary, cheque.amount, way != Way.ByCash);
        bool erased = _erased(chequebook);
        uint256 sent = _sent(chequebook, cheque.beneficiary);
        uint256 balance = _balance(address(chequebook));
        bool overdraft = cheque.amount > sent + balance;
        bool innerOverdraft = _preparedOverdraws();
        uint256[] memory held = _balances();
        uint256 before = _balance(cheque.beneficiary);

        bool success;
        if (way == Way.ThroughTheHouse) {
            success = _clear(cheque);
            if (erased) refusal = "skipped";
            erased = false;
        } else {
            bytes memory answer;
            (success, answer) = _call(stranger, chequebook, _cashCall(cheque, way == Way.IfCovered));
            if (!erased) assertEq(answer, refusal);
        }

        bool unchanged = _balance(cheque.beneficiary) == before && _balance(address(chequebook)) == balance;
        if (!_expect(8, unchanged || cheque.amount > sent)) return;
        if (overdraft && success && !erased && !_expectMayDie(chequebook)) return;
        assertEq(success, erased || refusal.length == 0, "cash");
        if (success && !erased) {
            if (overdraft) _bury(chequebook);
            if (innerOverdraft && cheque.beneficiary == address(_reenterer) && _reentered()) {
                _bury(_prepared.chequebook);
            }
        }
        _recordPayments(cheque.beneficiary, held, _balance(cheque.beneficiary) - before);
    }

    /// @dev Three cheques: first a forged one, with the signature of the second and an amount higher by one; then the
    /// cheque itself; then its duplicate.
    function _clear(Cheque memory cheque) private returns (bool) {
        Signature memory signature = _sign(cheque.scheme, cheque.chequebook, cheque.beneficiary, cheque.amount);
        IClearingHouse.Cheque[] memory compact = new IClearingHouse.Cheque[](3);
        for (uint256 i; i < 3; i++) {
            uint256 amount = i == 0 ? cheque.amount + 1 : cheque.amount;
            compact[i] = Cheques.compact(cheque.scheme, cheque.chequebook, cheque.beneficiary, amount, signature);
        }

        vm.prank(stranger);
        uint256 cashed = _house.cash(compact, PAYMENT_GAS);
        assertLe(cashed, 1, "a forged cheque or a duplicate was cashed");
        return cashed == 1;
    }

    function _recordPromise(IChequebook chequebook, address beneficiary, uint256 amount) private {
        if (amount > _largest[chequebook][beneficiary]) _largest[chequebook][beneficiary] = amount;
    }

    /// @dev What left the chequebooks is what `to` received; the reenterer may be paid by two of them.
    function _recordPayments(address to, uint256[] memory held, uint256 paid) private {
        for (uint256 i; i < held.length; i++) {
            uint256 left = held[i] - _balance(address(chequebooks[i]));
            _received[chequebooks[i]][to] += left;
            _record(chequebooks[i]).amountOut += left;
            paid -= left;
        }
        assertEq(paid, 0, "paid by no chequebook");
    }

    /// @dev Whether the prepared cheque overdraws its chequebook when it is cashed during a payment. That payment may
    /// come from the same chequebook; it then goes to the same beneficiary, so `sent` plus balance does not change.
    function _preparedOverdraws() private view returns (bool) {
        IChequebook chequebook = _prepared.chequebook;
        if (address(chequebook) == address(0) || _erased(chequebook) || _record(chequebook).dead) return false;
        return _prepared.amount > _sent(chequebook, address(_reenterer)) + _balance(address(chequebook));
    }

    /// @dev The error with which a cheque of the signer must be refused now; empty if it must be cashed.
    function _refusal(IChequebook chequebook, address payable to, uint256 amount, bool onlyIfCovered)
        private
        view
        returns (bytes memory)
    {
        uint256 sent = _sent(chequebook, to);
        if (amount <= sent) return _staleCheque(amount, sent);
        bool refuses = to == _burner || (to == address(_refuser) && !_refuser.accepting());
        uint256 balance = _balance(address(chequebook));
        if (amount - sent > balance) {
            if (onlyIfCovered) return _notCovered(amount - sent, balance);
            if (_record(chequebook).dead) return _error(IMortal.Dead.selector);
            if (_bornNow(chequebook)) return _error(IMortal.BornThisBlock.selector);
            refuses = refuses && _isToken() && balance != 0;
        }
        return refuses ? _error(IChequebook.PaymentFailed.selector) : bytes("");
    }

    /// @dev The error with which a command of the owner must be refused now; empty if it must succeed.
    function _deadRefusal(IChequebook chequebook) private view returns (bytes memory) {
        return _record(chequebook).dead ? _error(IMortal.Dead.selector) : bytes("");
    }

    function _killRefusal(IChequebook chequebook) private view returns (bytes memory) {
        Record storage record_ = _record(chequebook);
        if (record_.dead) return _error(IMortal.Dead.selector);
        if (!_noticeIsOver(chequebook)) {
            if (record_.announcedAt == 0) return _error(IMortal.NotAnnounced.selector);
            return abi.encodeWithSelector(
                IMortal.NoticeRunning.selector, record_.announcedAt + record_.notice, vm.getBlockTimestamp()
            );
        }
        return _bornNow(chequebook) ? _error(IMortal.BornThisBlock.selector) : bytes("");
    }

    /// @dev CB6. True without a notice period.
    function _noticeIsOver(IChequebook chequebook) private view returns (bool) {
        Record storage record_ = _record(chequebook);
        if (record_.notice == 0) return true;
        return record_.announcedAt != 0 && vm.getBlockTimestamp() >= record_.announcedAt + record_.notice;
    }

    function _command(IChequebook chequebook, bool byOwner, bytes4 selector, bytes memory refusal)
        private
        returns (bool success)
    {
        bool erased = _erased(chequebook);
        bytes memory answer;
        (success, answer) = _call(byOwner ? owner.addr : stranger, chequebook, abi.encodeWithSelector(selector));
        if (erased) return false; // it "succeeds" without any effect

        if (!byOwner) refusal = abi.encodeWithSelector(IOwned.NotOwner.selector, stranger);
        if (!_expect(5, byOwner || !success)) return false;
        if (!_expect(7, !success || !_record(chequebook).dead)) return false;
        if (success && selector == IMortal.kill.selector) {
            if (!_expect(6, _noticeIsOver(chequebook)) || !_expectMayDie(chequebook)) return false;
        }
        assertEq(success, refusal.length == 0, "command");
        assertEq(answer, refusal);
    }

    /// @dev CB7, CB11: a chequebook that dies was alive, and was not created in this block.
    function _expectMayDie(IChequebook chequebook) private returns (bool) {
        return _expect(7, !_record(chequebook).dead) && _expect(11, !_bornNow(chequebook));
    }

    function _bury(IChequebook chequebook) private {
        _record(chequebook).dead = true;
        _record(chequebook).diedAt = vm.getBlockNumber();
    }

    function _call(address from, IChequebook chequebook, bytes memory data)
        private
        returns (bool success, bytes memory answer)
    {
        vm.prank(from);
        (success, answer) = address(chequebook).call{gas: PAYMENT_GAS}(data);
    }

    function _cashCall(Cheque memory cheque, bool onlyIfCovered) private view returns (bytes memory) {
        Signature memory signature = _sign(cheque.scheme, cheque.chequebook, cheque.beneficiary, cheque.amount);
        return onlyIfCovered
            ? Cheques.coveredCall(cheque.scheme, cheque.beneficiary, cheque.amount, signature)
            : Cheques.cashCall(cheque.scheme, cheque.beneficiary, cheque.amount, signature);
    }

    function _pick(uint256 which) private view returns (IChequebook) {
        return chequebooks[which % chequebooks.length];
    }

    function _bornNow(IChequebook chequebook) private view returns (bool) {
        return _record(chequebook).bornAt == vm.getBlockNumber();
    }

    /// @dev For an erased chequebook, the value that was read last.
    function _sent(IChequebook chequebook, address beneficiary) private view returns (uint256) {
        return _erased(chequebook) ? _seen[chequebook][beneficiary] : chequebook.sent(beneficiary);
    }

    function _erased(IChequebook chequebook) private view returns (bool) {
        return _codeSize(address(chequebook)) == 0;
    }

    function _balances() private view returns (uint256[] memory balances) {
        balances = new uint256[](chequebooks.length);
        for (uint256 i; i < balances.length; i++) {
            balances[i] = _balance(address(chequebooks[i]));
        }
    }

    function _reentered() private view returns (bool) {
        return _reenterer.payments() > _prepared.payments && _reenterer.succeeded();
    }
}

contract DirectHandler is ChequebookHandler, DirectForm {}

contract CloneHandler is ChequebookHandler, CloneForm {}

contract TokenHandler is ChequebookHandler, TokenForm {}
