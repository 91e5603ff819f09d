// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChequebook} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {CloneForm, DirectForm, FormTest, TokenForm} from "../Forms.t.sol";
import {Scheme, Signature} from "../utils/Cheques.sol";
import {Hardfork} from "../utils/Hardfork.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

/// @notice How the factory creates a chequebook, and where.
abstract contract FactoryTest is FormTest {
    bytes32 private constant SALT = "salt";

    /* CREATE */

    function testFuzz_Create_AtTheAddressThatFollowsFromTheTerms(
        address owner_,
        address signer_,
        uint32 notice,
        bytes32 salt,
        address caller,
        uint256 deposit
    ) public {
        vm.assume(owner_ != address(0));
        deposit = _isToken() ? 0 : bound(deposit, 0, MAX_ETHER);
        vm.deal(caller, deposit);
        IChequebookFactory.Terms memory terms = _terms(owner_, signer_, notice);
        address predicted = factory.predict(_form(), terms, salt);
        assertEq(abi.encode(factory.record(predicted)), abi.encode(0, 0, 0));

        vm.prank(caller);
        IChequebook chequebook = factory.create{value: deposit}(_form(), terms, salt);

        assertEq(address(chequebook), predicted);
        assertEq(factory.bornAt(predicted), vm.getBlockNumber());
        assertEq(abi.encode(factory.record(predicted)), abi.encode(vm.getBlockNumber(), _form(), _asset()));
        assertEq(chequebook.owner(), owner_);
        assertEq(chequebook.signer(), signer_ == address(0) ? owner_ : signer_);
        assertEq(chequebook.noticePeriod(), notice);
        assertEq(chequebook.killableAt(), 0);
        assertEq(predicted.balance, deposit);
        assertEq(address(factory).balance, 0);
    }

    function test_Create_EmitsCreated() public {
        IChequebookFactory.Terms memory terms = _terms(owner.addr, address(0), NOTICE);
        address predicted = factory.predict(_form(), terms, SALT);

        vm.expectEmit(address(factory));
        emit IChequebookFactory.Created(owner.addr, predicted, _asset());
        factory.create(_form(), terms, SALT);
    }

    /* ADDRESS */

    /// @dev From the text of ERC-1167 and EIP-1014 alone, without asking the factory.
    function testFuzz_Predict_CanBeDoneOffline(address owner_, address signer_, uint32 notice, bytes32 salt)
        public
        view
    {
        vm.assume(owner_ != address(0) && signer_ != address(0));

        bytes32 code = keccak256(_creationCode(owner_, signer_, notice));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(factory), _bind(salt), code));

        assertEq(factory.predict(_form(), _terms(owner_, signer_, notice), salt), address(uint160(uint256(hash))));
    }

    struct Input {
        address owner;
        address signer;
        uint32 notice;
        bytes32 salt;
        uint64 chainId;
    }

    /// @dev `changed` tells which parts of the second are not those of the first.
    function testFuzz_EveryTermTheSaltAndTheChainArePartOfTheAddress(
        Input memory first,
        Input memory other,
        uint8 changed
    ) public {
        if (changed & 1 == 0) other.owner = first.owner;
        if (changed & 2 == 0) other.signer = first.signer;
        if (changed & 4 == 0) other.notice = first.notice;
        if (changed & 8 == 0) other.salt = first.salt;
        if (changed & 16 == 0) other.chainId = first.chainId;

        bool same = keccak256(abi.encode(_normal(first))) == keccak256(abi.encode(_normal(other)));
        assertEq(_addressOf(first) == _addressOf(other), same);
    }

    function test_TheFormAndTheFactoryArePartOfTheAddress() public {
        IChequebookFactory.Terms memory terms = _terms(owner.addr, signer.addr, NOTICE);
        address chequebook = factory.predict(_form(), terms, SALT);

        assertNotEq(chequebook, _newFactory().predict(_form(), terms, SALT));
        for (uint8 form = 1; form <= uint8(type(IChequebookFactory.Form).max); form++) {
            if (form == uint8(_form())) continue;
            terms.token = form == uint8(IChequebookFactory.Form.Token) ? stranger : address(0);
            assertNotEq(chequebook, factory.predict(IChequebookFactory.Form(form), terms, SALT));
        }
    }

    /// @dev CB9. A packed cheque does not name its chain, but the same terms have another address on another chain.
    function test_PackedChequeIsWorthlessOnAnotherChain() public {
        IChequebook here = _createSalted();
        Signature memory signature = _sign(Scheme.Packed, here, payee, 1 ether);
        vm.chainId(block.chainid + 1);
        IChequebook there = _createSalted();

        _refused(Scheme.Packed, there, payee, 1 ether, signature, _error(IChequebook.InvalidSignature.selector));
    }

    /// @dev Where the chain changes its id, what waits at an address cannot be reached any more.
    function test_AfterAChangeOfTheChainId_NothingIsCreatedAtTheOldAddress() public {
        address waiting = factory.predict(_form(), _terms(owner.addr, signer.addr, NOTICE), SALT);
        _force(IChequebook(payable(waiting)), 1 ether);
        vm.chainId(block.chainid + 1);

        assertNotEq(address(_createSalted()), waiting);
        assertEq(_codeSize(waiting), 0);
        assertEq(_balance(waiting), 1 ether);
    }

    /* CREATED BEFORE */

    function test_RevertWhen_CreatedBefore_ForLittleGas() public {
        _refusesASecond(_createSalted());
    }

    /// @dev A signer of zero stands for the owner: the same terms.
    function test_RevertWhen_CreatedBefore_ByTheOtherNameOfTheSigner() public {
        IChequebook own = factory.create(_form(), _terms(owner.addr, address(0), NOTICE), SALT);

        vm.expectRevert(_alreadyCreated(own));
        factory.create(_form(), _terms(owner.addr, owner.addr, NOTICE), SALT);
    }

    /// @dev CB11, under every hardfork: also where the account of the dead one is erased.
    function test_RevertWhen_CreatedBefore_AndDead() public {
        IChequebook chequebook = _createSalted();
        vm.roll(vm.getBlockNumber() + 1);
        _cash(Scheme.Packed, chequebook, payee, 1 ether);
        assertEq(_codeSize(address(chequebook)) > 0, _isToken() || Hardfork.codeSurvives());

        _refusesASecond(chequebook);
        assertEq(uint8(factory.record(address(chequebook)).form), uint8(_form()));
    }

    function test_TheFactoryTakesNoEtherOfItsOwn() public {
        assertFalse(_sendEther(address(factory), 1));
    }

    /* HELPERS */

    /// @dev A creation where code stands would burn all the gas.
    function _refusesASecond(IChequebook chequebook) private {
        bytes memory call = abi.encodeCall(factory.create, (_form(), _terms(owner.addr, signer.addr, NOTICE), SALT));

        (bool success, bytes memory answer) = address(factory).call{gas: 10_000_000}(call);

        uint256 used = vm.lastCallGas().gasTotalUsed;
        assertFalse(success);
        assertEq(answer, _alreadyCreated(chequebook));
        assertLt(used, 60_000);
        assertGt(used, 21_000, "a transaction, not only a call");
    }

    function _createSalted() private returns (IChequebook) {
        return factory.create(_form(), _terms(owner.addr, signer.addr, NOTICE), SALT);
    }

    function _alreadyCreated(IChequebook chequebook) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebookFactory.AlreadyCreated.selector, chequebook);
    }

    function _addressOf(Input memory input) private returns (address) {
        input = _normal(input);
        vm.chainId(input.chainId);
        return factory.predict(_form(), _terms(input.owner, input.signer, input.notice), input.salt);
    }

    /// @dev The input that is meant.
    function _normal(Input memory input) private pure returns (Input memory) {
        if (input.owner == address(0)) input.owner = address(1);
        if (input.signer == address(0)) input.signer = input.owner;
        input.chainId = uint64(_bound(input.chainId, 1, type(uint64).max - 1));
        return input;
    }

    function _bind(bytes32 salt) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, salt));
    }

    function _creationCode(address owner_, address signer_, uint32 notice) private view returns (bytes memory) {
        if (!_isClone()) {
            return bytes.concat(vm.getCode("Chequebook.sol:Chequebook"), abi.encode(owner_, signer_, notice));
        }
        bytes memory code = abi.encodePacked(
            hex"363d3d373d3d3d363d73",
            _implementation(),
            hex"5af43d82803e903d91602b57fd5bf3",
            _arguments(owner_, signer_, notice)
        );
        return abi.encodePacked(hex"61", uint16(code.length), hex"3d81600a3d39f3", code);
    }

    function _implementation() internal view returns (address) {
        return _isToken() ? factory.tokenImplementation() : factory.implementation();
    }

    /// @dev What stands behind the code of a clone.
    function _arguments(address owner_, address signer_, uint32 notice) internal view returns (bytes memory) {
        bytes memory terms = abi.encodePacked(owner_, signer_, notice);
        return _isToken() ? abi.encodePacked(terms, _asset()) : terms;
    }
}

/// @notice The clones are those of OpenZeppelin's library.
abstract contract FactoryOfClonesTest is FactoryTest {
    function testFuzz_Predict_IsWhatOpenZeppelinPredicts(address owner_, address signer_, uint32 notice, bytes32 salt)
        public
        view
    {
        vm.assume(owner_ != address(0) && signer_ != address(0));

        address expected = Clones.predictDeterministicAddressWithImmutableArgs(
            _implementation(), _arguments(owner_, signer_, notice), _bind(salt), address(factory)
        );

        assertEq(factory.predict(_form(), _terms(owner_, signer_, notice), salt), expected);
    }

    function testFuzz_Create_LeavesTheCodeThatOpenZeppelinLeaves(address owner_, address signer_, uint32 notice)
        public
    {
        vm.assume(owner_ != address(0) && signer_ != address(0));
        IChequebook chequebook = _create(owner_, signer_, notice, 0);

        address expected = Clones.cloneWithImmutableArgs(_implementation(), _arguments(owner_, signer_, notice));

        assertEq(address(chequebook).code, expected.code);
    }
}

contract FactoryDirectTest is FactoryTest, DirectForm {}

contract FactoryCloneTest is FactoryOfClonesTest, CloneForm {}

contract FactoryTokenTest is FactoryOfClonesTest, TokenForm {}
