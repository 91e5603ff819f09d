// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChequebookFactory} from "../../contracts/ChequebookFactory.sol";
import {IOwned} from "../../contracts/interfaces/IChequebook.sol";
import {IChequebookFactory} from "../../contracts/interfaces/IChequebookFactory.sol";
import {BaseTest} from "../Base.t.sol";
import {StandardToken} from "../mocks/Tokens.sol";

/// @notice The terms that no chequebook can have. `predict` refuses them as `create` does: an address that it gives is
/// one where a chequebook can be created.
contract TermsTest is BaseTest {
    ChequebookFactory private immutable factory = _newFactory();
    StandardToken private token = StandardToken(deployCode("Tokens.sol:StandardToken"));

    function test_RevertWhen_TheFormIsNone() public {
        _refuses(IChequebookFactory.Form.None, owner.addr, address(0), _error(IChequebookFactory.NoForm.selector));
        _refuses(IChequebookFactory.Form.None, owner.addr, address(token), _error(IChequebookFactory.NoForm.selector));
    }

    function testFuzz_RevertWhen_ThereIsNoSuchForm(uint8 form) public {
        form = uint8(bound(form, uint8(type(IChequebookFactory.Form).max) + 1, type(uint8).max));
        bytes memory terms = abi.encode(owner.addr, signer.addr, NOTICE, address(0), bytes32(0));

        (bool created,) =
            address(factory).call(abi.encodePacked(IChequebookFactory.create.selector, uint256(form), terms));
        (bool predicted,) =
            address(factory).call(abi.encodePacked(IChequebookFactory.predict.selector, uint256(form), terms));

        assertFalse(created);
        assertFalse(predicted);
    }

    function test_RevertWhen_TheOwnerIsZero() public {
        bytes memory reason = _error(IOwned.ZeroOwner.selector);
        _refuses(IChequebookFactory.Form.Direct, address(0), address(0), reason);
        _refuses(IChequebookFactory.Form.Clone, address(0), address(0), reason);
        _refuses(IChequebookFactory.Form.Token, address(0), address(token), reason);
    }

    function testFuzz_RevertWhen_AFormOfEtherHasAToken(address any) public {
        vm.assume(any != address(0));
        _refuses(IChequebookFactory.Form.Direct, owner.addr, any, _invalid(IChequebookFactory.Form.Direct, any));
        _refuses(IChequebookFactory.Form.Clone, owner.addr, any, _invalid(IChequebookFactory.Form.Clone, any));
    }

    function test_RevertWhen_TheTokenIsZero() public {
        bytes memory reason = _invalid(IChequebookFactory.Form.Token, address(0));
        _refuses(IChequebookFactory.Form.Token, owner.addr, address(0), reason);
    }

    /// @dev The address is known before the token is there.
    function testFuzz_RevertWhen_TheTokenHasNoCode_ButPredictAnswers(address any) public {
        vm.assume(any.code.length == 0 && any != address(0));
        assumeNotPrecompile(any);
        assumeNotForgeAddress(any);
        IChequebookFactory.Terms memory terms = _terms(owner.addr, any);
        address predicted = factory.predict(IChequebookFactory.Form.Token, terms, 0);

        vm.expectRevert(_invalid(IChequebookFactory.Form.Token, any));
        factory.create(IChequebookFactory.Form.Token, terms, 0);

        vm.etch(any, address(token).code);
        assertEq(address(factory.create(IChequebookFactory.Form.Token, terms, 0)), predicted);
    }

    function testFuzz_RevertWhen_EtherComesWithTheCreationOfATokenChequebook(uint256 value) public {
        value = bound(value, 1, MAX_ETHER);
        vm.deal(address(this), value);

        vm.expectRevert(IChequebookFactory.EtherRefused.selector);
        factory.create{value: value}(IChequebookFactory.Form.Token, _terms(owner.addr, address(token)), 0);
    }

    /// @dev As `predict` would, before what only a creation needs.
    function test_RevertWhen_SeveralTermsAreWrong_NamesTheFirst() public {
        bytes memory zeroOwner = _error(IOwned.ZeroOwner.selector);
        _refuses(IChequebookFactory.Form.None, address(0), address(token), _error(IChequebookFactory.NoForm.selector));
        _refuses(IChequebookFactory.Form.Direct, address(0), address(token), zeroOwner);
        _refuses(IChequebookFactory.Form.Token, address(0), address(0), zeroOwner);

        vm.deal(address(this), 3);
        vm.expectRevert(zeroOwner);
        factory.create{value: 1}(IChequebookFactory.Form.Token, _terms(address(0), stranger), 0);
        vm.expectRevert(_invalid(IChequebookFactory.Form.Token, stranger));
        factory.create{value: 1}(IChequebookFactory.Form.Token, _terms(owner.addr, stranger), 0);
        factory.create(IChequebookFactory.Form.Token, _terms(owner.addr, address(token)), 0);
        vm.expectRevert(IChequebookFactory.EtherRefused.selector);
        factory.create{value: 1}(IChequebookFactory.Form.Token, _terms(owner.addr, address(token)), 0);
    }

    function _refuses(IChequebookFactory.Form form, address owner_, address token_, bytes memory reason) private {
        vm.expectRevert(reason);
        factory.create(form, _terms(owner_, token_), 0);
        vm.expectRevert(reason);
        factory.predict(form, _terms(owner_, token_), 0);
    }

    function _terms(address owner_, address token_) private view returns (IChequebookFactory.Terms memory) {
        return IChequebookFactory.Terms(owner_, signer.addr, NOTICE, token_);
    }

    function _invalid(IChequebookFactory.Form form, address token_) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IChequebookFactory.InvalidToken.selector, form, token_);
    }
}
