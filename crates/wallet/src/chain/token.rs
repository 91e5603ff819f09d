//! Questions about what chequebooks pay with: ether, or a token, whose code is not ours.

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    rpc::types::TransactionRequest,
    sol,
    sol_types::SolCall,
};
use chequebook::Asset;

use super::{calls::Call, node::Chain};
use crate::{Error, answer::NodeFailure};

sol! {
    function balanceOf(address account) returns (uint256 balance);
    function transfer(address to, uint256 amount);
}

/// The input of a transfer of a token.
pub(crate) fn transfer_input(to: Address, amount: U256) -> Bytes {
    transferCall { to, amount }.abi_encode().into()
}

/// What a transaction with this input moves, if it is a transfer: an amount in the token's smallest unit.
pub(crate) fn transferred(input: &[u8]) -> Option<U256> {
    transferCall::abi_decode(input).ok().map(|call| call.amount)
}

/// A call that answers with the balance of an account.
pub(super) fn balance_call(account: Address, asset: Asset) -> Call {
    match asset {
        Asset::Ether => Call::ether_of(account),
        Asset::Token(token) => Call::new(token, balanceOfCall { account }).among(token),
    }
}

/// What an answer says that is a balance. Any other says nothing.
pub(super) fn balance_in(contract: Address, answer: &Bytes) -> Result<U256, Error> {
    U256::try_from_be_slice(answer).filter(|_| answer.len() == 32).ok_or(Error::NotGenuine { contract })
}

impl Chain {
    /// What an account has of an asset, in its smallest unit, in a question of its own.
    pub(crate) async fn balance_of(&self, account: Address, asset: Asset, block: BlockId) -> Result<U256, Error> {
        match asset {
            Asset::Ether => self.balance(account, block).await,
            Asset::Token(token) => {
                let answer = self.call(token, balanceOfCall { account }.abi_encode().into(), block).await?;
                balance_in(token, &answer)
            }
        }
    }

    /// Checks that a token would make a transfer now: some return false instead of an error, and some return nothing.
    /// [`Error::Refused`] if it would not.
    pub(crate) async fn check_transfer(&self, from: Address, token: Address, input: Bytes) -> Result<(), Error> {
        let request = TransactionRequest::default().with_from(from).with_to(token).with_input(input);
        let answer = match self.call_by(request, BlockId::latest()).await {
            Ok(answer) => answer,
            Err(Error::Rpc { failure: NodeFailure { contract_error: Some(refusal), .. }, .. }) => {
                return Err(Error::Refused { refusal });
            }
            Err(error) => return Err(error),
        };
        let is_one = U256::try_from_be_slice(answer.get(..32).unwrap_or_default()) == Some(U256::from(1));
        if answer.is_empty() || (answer.len() >= 32 && is_one) {
            return Ok(());
        }
        let answer =
            answer.get(..32).map_or_else(|| answer.to_string(), |first| Bytes::copy_from_slice(first).to_string());
        Err(Error::Refused { refusal: format!("the transfer of token {token} returns {answer}") })
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;

    #[test]
    fn an_answer_of_another_length_is_no_balance() {
        let of = |answer: &[u8]| balance_in(Address::ZERO, &Bytes::copy_from_slice(answer));
        let mut word = [0; 32];
        word[31] = 7;
        assert_eq!(of(&word).ok(), Some(U256::from(7)));
        for wrong in [&[][..], &[7], &[0; 31], &[0; 33], &[0; 64]] {
            assert!(matches!(of(wrong), Err(Error::NotGenuine { .. })), "{} bytes", wrong.len());
        }
    }

    #[test]
    fn a_transfer_says_what_it_moves() {
        let input = transfer_input(Address::ZERO, U256::from(7));
        assert_eq!(transferred(&input), Some(U256::from(7)));
        assert_eq!(transferred(&[]), None);
        assert_eq!(transferred(&input[..40]), None);
    }
}
