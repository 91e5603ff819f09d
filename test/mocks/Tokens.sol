// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token as most are. Anybody may mint it.
contract StandardToken is ERC20("Token", "TKN") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice A contract that another contract pays is called, without data, like by a payment of ether. So it can refuse,
/// burn gas or re-enter. (ERC-777 does this with receivers that ask for it.)
contract CallbackToken is StandardToken {
    function transfer(address to, uint256 amount) public virtual override returns (bool) {
        _transfer(msg.sender, to, amount);
        if (msg.sender.code.length != 0 && to.code.length != 0) _callBack(to);
        return true;
    }

    function _callBack(address to) internal {
        (bool success,) = to.call("");
        require(success, "refused by the recipient");
    }
}

/// @notice Calls the recipient before it moves anything, so that the balance which a chequebook reads in between is
/// still the old one.
contract CallbackFirstToken is CallbackToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        if (msg.sender.code.length != 0 && to.code.length != 0) _callBack(to);
        _transfer(msg.sender, to, amount);
        return true;
    }
}

/// @notice Its transfer returns nothing.
contract SilentToken {
    mapping(address account => uint256 amount) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Refuses transfers, in one of several manners, until it is told to accept them.
contract RefusingToken is StandardToken {
    enum Manner {
        ReturnsFalse,
        Reverts,
        RevertsWithNothing,
        ReturnsTwo,
        BurnsAllGas
    }

    Manner private _manner;
    bool private _accepting;
    bytes private _reason;

    function refuse(Manner manner, bytes calldata reason) external {
        _manner = manner;
        _reason = reason;
        _accepting = false;
    }

    function accept() external {
        _accepting = true;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (_accepting) return super.transfer(to, amount);
        Manner manner = _manner;
        bytes memory reason = _reason;
        assembly {
            switch manner
            case 0 { return(0x60, 0x20) } // the zero slot
            case 1 { revert(add(reason, 32), mload(reason)) }
            case 2 { revert(0, 0) }
            case 3 {
                mstore(0, 2)
                return(0, 32)
            }
            default { invalid() }
        }
    }
}

/// @notice Takes a hundredth of each transfer: from what arrives, or on top of it from the sender.
contract FeeToken is StandardToken {
    bool private immutable ON_TOP;

    constructor(bool onTop) {
        ON_TOP = onTop;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        uint256 fee = amount / 100;
        _transfer(msg.sender, to, ON_TOP ? amount : amount - fee);
        _burn(msg.sender, fee);
        return true;
    }
}

/// @notice All balances change by themselves.
contract RebasingToken is StandardToken {
    uint256 private _percent = 100;

    function rebase(uint256 percent) external {
        _percent = percent;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * _percent / 100;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount * 100 / _percent);
    }
}

/// @notice Its issuer can block an account, and pause all transfers.
contract GovernedToken is StandardToken {
    bool private _paused;
    mapping(address account => bool) private _blocked;

    function pause(bool paused) external {
        _paused = paused;
    }

    function blockAccount(address account, bool blocked) external {
        _blocked[account] = blocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!_paused && !_blocked[from] && !_blocked[to], "refused by the issuer");
        super._update(from, to, amount);
    }
}

/// @notice Refuses a transfer of nothing.
contract NoZeroToken is StandardToken {
    function _update(address from, address to, uint256 amount) internal override {
        require(amount != 0, "zero");
        super._update(from, to, amount);
    }
}

/// @notice Tells whatever balance it was told to tell, or reverts with an error.
contract LyingToken is StandardToken {
    uint256 private _lie;
    bytes private _reason;

    function lie(uint256 balance) external {
        _lie = balance;
    }

    function fail(bytes calldata reason) external {
        _reason = reason;
    }

    function balanceOf(address account) public view override returns (uint256) {
        bytes memory reason = _reason;
        if (reason.length != 0) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        return _lie == 0 ? super.balanceOf(account) : _lie;
    }
}

/// @notice Moves tokens by a signature of their holder, which anybody may submit, as EIP-3009 has it.
/// @dev Not OpenZeppelin's, which needs instructions of Cancun.
contract AuthorizedToken is StandardToken {
    mapping(address from => mapping(bytes32 nonce => bool)) public authorizationState;

    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        require(block.timestamp > validAfter && block.timestamp < validBefore, "not now");
        require(!authorizationState[from][nonce], "used");
        address recovered = ecrecover(authorizationHash(from, to, value, validAfter, validBefore, nonce), v, r, s);
        require(recovered == from && from != address(0), "not by the holder");
        authorizationState[from][nonce] = true;
        _transfer(from, to, value);
    }

    function authorizationHash(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce
    ) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(keccak256("EIP712Domain(uint256 chainId,address verifyingContract)"), block.chainid, this)
        );
        bytes32 authorization = keccak256(
            abi.encode(
                keccak256(
                    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
                ),
                from,
                to,
                value,
                validAfter,
                validBefore,
                nonce
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, authorization));
    }
}
