//! An ERC-20 token of the forge tests, for the stories that need one.

use std::fs;

use alloy::{
    contract::CallBuilder,
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use eyre::{OptionExt, Result, WrapErr};
use serde_json::Value;

use crate::chain::Chain;

alloy::sol! {
    #[sol(rpc)]
    interface Token {
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        function balanceOf(address account) external view returns (uint256);
        function mint(address to, uint256 amount) external;
        function pause(bool paused) external;
        function transfer(address to, uint256 amount) external;
    }
}

pub(crate) type TokenInstance = Token::TokenInstance<DynProvider>;

impl Chain {
    /// Deploys a token of `test/mocks/Tokens.sol`, as forge compiled it, and mints `amount` for the first account.
    /// The argument of a constructor is zero.
    pub(crate) async fn token(&self, name: &str, amount: u64) -> Result<TokenInstance> {
        let code = creation_code("Tokens.sol", name)?;
        let address =
            CallBuilder::new_raw_deploy(&self.provider, [&code[..], &[0; 32]].concat().into()).deploy().await?;

        let token = Token::new(address, self.provider.clone());
        let minted = token.mint(self.account(0), U256::from(amount)).send().await?.get_receipt().await?;
        minted.status().then_some(token).ok_or_eyre("nothing was minted")
    }
}

/// The same token, by a provider that asks for nonces anew: forge has used some.
pub(crate) fn after_forge(chain: &Chain, token: &TokenInstance) -> Result<TokenInstance> {
    let provider = ProviderBuilder::new().wallet(chain.key(0)?).connect_http(chain.anvil.endpoint_url()).erased();
    Ok(Token::new(*token.address(), provider))
}

/// What `account` has of a token.
pub(crate) async fn held(token: &TokenInstance, account: Address) -> Result<U256> {
    Ok(token.balanceOf(account).call().await?)
}

/// The creation code of a contract of a file in `test/mocks`, as forge compiled it.
pub(crate) fn creation_code(file: &str, name: &str) -> Result<Bytes> {
    let path = format!("{}/out/{file}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).wrap_err_with(|| format!("{path}: run `forge build` first"))?;
    let artifact: Value = serde_json::from_str(&text)?;
    Ok(serde_json::from_value(artifact["bytecode"]["object"].clone())?)
}
