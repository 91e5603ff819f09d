// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook, IMortal, IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {ITokenChequebook} from "../../contracts/interfaces/ITokenChequebook.sol";
import {TokenForm} from "../Forms.t.sol";
import {Reenterer} from "../mocks/Payees.sol";
import {AuthorizedToken, StandardToken} from "../mocks/Tokens.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice What only a token chequebook does.
contract TokenLifeTest is TokenForm {
    ITokenChequebook private chequebook;

    function setUp() public {
        chequebook = _new();
    }

    function test_Token_IsTheOneOfTheTerms() public view {
        assertEq(address(chequebook.token()), address(token));
    }

    /* ETHER AND OTHER TOKENS */

    function testFuzz_RevertWhen_EtherIsSent(uint256 amount) public {
        amount = bound(amount, 0, MAX_ETHER);
        vm.deal(stranger, amount);

        vm.prank(stranger);
        (bool success, bytes memory answer) = address(chequebook).call{value: amount}("");

        assertFalse(success);
        assertEq(answer, _error(ITokenChequebook.EtherRefused.selector));
    }

    /// @dev Nothing reaches it, and it changes nothing.
    function test_ForcedEtherAndOtherTokens_AreStuck() public {
        StandardToken other = StandardToken(deployCode("Tokens.sol:StandardToken"));
        other.mint(address(chequebook), 5 ether);
        _forceEther(address(chequebook), 3 ether);

        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        _cash(Scheme.Typed, chequebook, payee, DEPOSIT + 1);
        _force(chequebook, 1 ether);
        _reclaim();

        assertEq(address(chequebook).balance, 3 ether);
        assertEq(other.balanceOf(address(chequebook)), 5 ether);
        assertEq(_balance(payee), DEPOSIT);
        assertEq(_balance(owner.addr), 1 ether);
        assertEq(payee.balance + owner.addr.balance, 0);
    }

    /* DEPOSIT */

    /// @dev A stranger pays the gas (EIP-3009), also before the chequebook is created.
    function testFuzz_Deposit_ByASignatureThatAnyoneSubmits(uint256 amount, bool created) public {
        AuthorizedToken authorized = AuthorizedToken(deployCode("Tokens.sol:AuthorizedToken"));
        token = authorized;
        amount = bound(amount, 1, MAX_ETHER);
        authorized.mint(owner.addr, amount);
        address target = factory.predict(_form(), _terms(owner.addr, signer.addr, 0), 0);
        if (created) factory.create(_form(), _terms(owner.addr, signer.addr, 0), 0);

        uint256 end = vm.getBlockTimestamp() + 1 hours;
        bytes32 hash = authorized.authorizationHash(owner.addr, target, amount, 0, end, "nonce");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(owner.key, hash);
        vm.prank(stranger);
        authorized.transferWithAuthorization(owner.addr, target, amount, 0, end, "nonce", v, r, s);

        if (!created) factory.create(_form(), _terms(owner.addr, signer.addr, 0), 0);
        assertEq(_balance(target), amount);
        _cash(Scheme.Typed, IChequebook(payable(target)), payee, amount);
        assertEq(_balance(payee), amount);
    }

    /* DEATH */

    function testFuzz_Dead_PaysCoveredChequesFromWhatArrivesLater(uint256 later, uint256 amount, bool typed) public {
        later = bound(later, 1, MAX_ETHER);
        amount = bound(amount, 1, later);
        _kill(chequebook);
        assertTrue(_deposit(chequebook, later));

        _cash(_scheme(typed), chequebook, payee, amount);

        assertEq(_balance(payee), amount);
        assertEq(_balance(address(chequebook)), later - amount);
        assertEq(chequebook.killableAt(), NEVER);
    }

    function testFuzz_RevertWhen_DeadAndNotCovered(uint256 later, uint256 over, bool typed) public {
        later = bound(later, 0, MAX_ETHER);
        uint256 amount = later + bound(over, 1, MAX_ETHER);
        Scheme scheme = _scheme(typed);
        _kill(chequebook);
        _force(chequebook, later);
        Signature memory signature = _sign(scheme, chequebook, payee, amount);

        _refused(scheme, chequebook, payee, amount, signature, _error(IMortal.Dead.selector));
        vm.expectRevert(_notCovered(amount, later));
        _submitIfCovered(scheme, chequebook, payee, amount, signature);
        assertEq(_balance(address(chequebook)), later);
    }

    function test_RevertWhen_DeadAndCommanded() public {
        _cash(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        _force(chequebook, 1 ether);
        vm.startPrank(owner.addr);

        vm.expectRevert(IMortal.Dead.selector);
        chequebook.kill();
        vm.expectRevert(IMortal.Dead.selector);
        chequebook.announceKill();
        vm.expectRevert(IMortal.Dead.selector);
        chequebook.cancelKill();
    }

    /* RECLAIM */

    function testFuzz_Reclaim_SendsWhatArrivedLaterToTheOwner(uint256 later, bool killed) public {
        later = bound(later, 0, MAX_ETHER);
        if (killed) _kill(chequebook);
        else _cash(Scheme.Packed, chequebook, payee, DEPOSIT + 1);
        uint256 before = _balance(owner.addr);
        _force(chequebook, later);

        vm.expectEmit(address(chequebook));
        emit ITokenChequebook.Reclaimed(later);
        _reclaim();

        assertEq(_balance(owner.addr) - before, later);
        assertEq(_balance(address(chequebook)), 0);
        assertEq(chequebook.killableAt(), NEVER);
    }

    function test_Reclaim_AgainAndAgain() public {
        _kill(chequebook);
        _reclaim();
        for (uint256 i = 1; i <= 3; i++) {
            _force(chequebook, 1 ether);
            _reclaim();
            assertEq(_balance(owner.addr), DEPOSIT + i * 1 ether);
        }
    }

    function testFuzz_RevertWhen_ReclaimByAnother(address caller) public {
        vm.assume(caller != owner.addr);
        _kill(chequebook);
        _force(chequebook, 1 ether);

        vm.expectRevert(abi.encodeWithSelector(IOwned.NotOwner.selector, caller));
        vm.prank(caller);
        chequebook.reclaim();
    }

    /// @dev Also once the notice of a kill has run out: only the kill itself makes it dead.
    function test_RevertWhen_ReclaimAlive() public {
        chequebook = ITokenChequebook(payable(_createInEarlierBlock(NOTICE, DEPOSIT)));
        vm.expectRevert(ITokenChequebook.NotDead.selector);
        _reclaim();

        _announceKill(chequebook);
        skip(NOTICE);
        vm.expectRevert(ITokenChequebook.NotDead.selector);
        _reclaim();
        assertEq(_balance(address(chequebook)), DEPOSIT);
    }

    /* REENTRANCE */

    /// @dev The owner is a contract that the token calls during the payment of the kill.
    function test_Reentrance_DuringTheKill_GainsNothing() public {
        bytes[3] memory calls = [
            abi.encodeCall(IMortal.kill, ()),
            abi.encodeCall(ITokenChequebook.reclaim, ()),
            abi.encodeCall(IMortal.announceKill, ())
        ];
        for (uint256 i; i < calls.length; i++) {
            Reenterer contractOwner = new Reenterer();
            IChequebook owned = _create(address(contractOwner), signer.addr, 0, DEPOSIT);
            contractOwner.prepare(address(owned), calls[i]);
            vm.roll(vm.getBlockNumber() + 1);

            vm.prank(address(contractOwner));
            owned.kill();

            assertEq(contractOwner.payments(), 1);
            assertEq(contractOwner.succeeded(), i == 1, "only a reclaim of nothing succeeds");
            if (i != 1) assertEq(contractOwner.answer(), _error(IMortal.Dead.selector));
            assertEq(_balance(address(contractOwner)), DEPOSIT);
        }
    }

    /// @dev During its own overdraft it is dead already.
    function test_Reentrance_DuringAnOverdraft_GainsNothing() public {
        Reenterer reenterer = new Reenterer();
        address payable to = payable(reenterer);
        uint256 amount = DEPOSIT + 1 ether;
        Signature memory signature = _sign(Scheme.Packed, chequebook, to, amount);
        reenterer.prepare(address(chequebook), Cheques.cashCall(Scheme.Packed, to, amount, signature));

        _submit(Scheme.Packed, chequebook, to, amount, signature);

        assertEq(reenterer.answer(), _error(IMortal.Dead.selector));
        assertEq(_balance(to), DEPOSIT);
        assertEq(chequebook.sent(to), DEPOSIT);
    }

    /// @dev An owner that is paid by a cheque of its own may kill meanwhile: it gets all, and that is no more than all.
    function test_Reentrance_KillDuringACash_MovesEachTokenOnce() public {
        Reenterer contractOwner = new Reenterer();
        IChequebook owned = _create(address(contractOwner), signer.addr, 0, DEPOSIT);
        contractOwner.prepare(address(owned), abi.encodeCall(IMortal.kill, ()));
        vm.roll(vm.getBlockNumber() + 1);

        _cash(Scheme.Packed, owned, payable(contractOwner), 1 ether);

        assertTrue(contractOwner.succeeded());
        assertEq(owned.sent(address(contractOwner)), 1 ether);
        assertEq(_balance(address(contractOwner)), DEPOSIT);
        assertEq(owned.killableAt(), NEVER);
    }

    function _new() private returns (ITokenChequebook) {
        return ITokenChequebook(payable(_createInEarlierBlock(0, DEPOSIT)));
    }

    function _reclaim() private {
        vm.prank(owner.addr);
        chequebook.reclaim();
    }
}
