// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title ChequeHash
/// @notice The digest that is signed, for each of the two kinds of cheque.
library ChequeHash {
    /// @dev EIP-712: the type of a typed cheque's domain.
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant NAME_HASH = keccak256("Chequebook");
    bytes32 internal constant VERSION_HASH = keccak256("1");

    /// @dev EIP-712: the type of a typed cheque.
    bytes32 internal constant CHEQUE_TYPEHASH = keccak256("Cheque(address beneficiary,uint256 amount)");

    /// @notice The digest of a packed cheque: the same bytes are hashed as in go-ethereum's chequebook.
    function packed(address chequebook, address beneficiary, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(chequebook, beneficiary, amount));
    }

    /// @notice The digest of a typed cheque: EIP-712, bound to the chain.
    function typed(uint256 chainId, address chequebook, address beneficiary, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chainId, chequebook));
        bytes32 cheque = keccak256(abi.encode(CHEQUE_TYPEHASH, beneficiary, amount));

        return keccak256(abi.encodePacked("\x19\x01", domain, cheque));
    }
}
