// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Cheques, Scheme, Signature} from "../utils/Cheques.sol";

/// @notice CB5, CB9: only the signer can sign cheques, and each signature is valid for one cheque only.
abstract contract SignatureFuzzTest is FormTest {
    IChequebook private chequebook;
    bytes private invalid = _error(IChequebook.InvalidSignature.selector);

    function setUp() public {
        chequebook = _createInEarlierBlock(NOTICE, DEPOSIT);
    }

    function testFuzz_RevertWhen_AnotherKeySigns(uint256 key, uint256 amount, bool typed) public {
        Scheme scheme = _scheme(typed);
        key = boundPrivateKey(key);
        amount = bound(amount, 1, type(uint256).max);
        vm.assume(key != signer.key);

        Signature memory forged = Cheques.sign(scheme, key, address(chequebook), payee, amount);
        _refused(scheme, chequebook, payee, amount, forged, invalid);
    }

    function testFuzz_RevertWhen_SignatureIsRandom(uint256 amount, uint8 v, bytes32 r, bytes32 s, bool typed) public {
        amount = bound(amount, 1, type(uint256).max);

        _refused(_scheme(typed), chequebook, payee, amount, Signature(v, r, s), invalid);
    }

    function testFuzz_RevertWhen_OneBitOfTheSignatureIsFlipped(uint256 amount, uint256 bit, bool typed) public {
        Scheme scheme = _scheme(typed);
        amount = bound(amount, 1, type(uint256).max);
        bit = bound(bit, 0, 519);
        Signature memory flipped = _sign(scheme, chequebook, payee, amount);
        if (bit < 256) flipped.r ^= bytes32(2 ** bit);
        else if (bit < 512) flipped.s ^= bytes32(2 ** (bit - 256));
        else flipped.v ^= uint8(2 ** (bit - 512));

        _refused(scheme, chequebook, payee, amount, flipped, invalid);
    }

    function testFuzz_RevertWhen_OneBitOfTheAmountIsFlipped(uint256 amount, uint256 bit, bool typed) public {
        Scheme scheme = _scheme(typed);
        uint256 flipped = amount ^ (2 ** bound(bit, 0, 255));
        vm.assume(flipped != 0);

        _refused(scheme, chequebook, payee, flipped, _sign(scheme, chequebook, payee, amount), invalid);
    }

    function testFuzz_RevertWhen_TheBeneficiaryIsAnother(address other, uint256 amount, bool typed) public {
        Scheme scheme = _scheme(typed);
        amount = bound(amount, 1, type(uint256).max);
        vm.assume(other != payee && other != address(chequebook));

        Signature memory signature = _sign(scheme, chequebook, payee, amount);
        _refused(scheme, chequebook, payable(other), amount, signature, invalid);
    }

    function testFuzz_RevertWhen_TheChequebookIsAnother(address other, uint256 amount, bool typed) public {
        Scheme scheme = _scheme(typed);
        amount = bound(amount, 1, type(uint256).max);
        vm.assume(other != address(chequebook));

        Signature memory signature = Cheques.sign(scheme, signer.key, other, payee, amount);
        _refused(scheme, chequebook, payee, amount, signature, invalid);
    }

    function testFuzz_RevertWhen_TheChainIsAnother(uint64 here, uint64 there, uint256 amount) public {
        amount = bound(amount, 1, type(uint256).max);
        here = uint64(bound(here, 1, type(uint64).max - 1));
        vm.assume(here != there);

        bytes32 digest = Cheques.typedDigest(there, address(chequebook), payee, amount);
        Signature memory signature;
        (signature.v, signature.r, signature.s) = vm.sign(signer.key, digest);
        vm.chainId(here);
        _refused(Scheme.Typed, chequebook, payee, amount, signature, invalid);
    }

    /// @dev The twin, with the other `s`, signs the same amount: whichever is cashed first is paid, the other is stale.
    function testFuzz_TheTwinOfASignatureGainsNothing(uint256 amount, bool typed, bool twinFirst) public {
        Scheme scheme = _scheme(typed);
        amount = bound(amount, 1, DEPOSIT);
        Signature memory signature = _sign(scheme, chequebook, payee, amount);
        Signature memory twin = Cheques.twin(signature);

        _submit(scheme, chequebook, payee, amount, twinFirst ? twin : signature);

        _refused(scheme, chequebook, payee, amount, twinFirst ? signature : twin, _staleCheque(amount, amount));
        assertEq(_balance(payee), amount);
    }
}

contract SignatureDirectFuzzTest is SignatureFuzzTest, DirectForm {}

contract SignatureCloneFuzzTest is SignatureFuzzTest, CloneForm {}

contract SignatureTokenFuzzTest is SignatureFuzzTest, TokenForm {}
