//! The settings of a new chequebook.

use alloy::primitives::{Address, B256, U256};
use chequebook::{Creation, Form, Terms};

use crate::{setters::setters, signer::SharedSigner, wallet::Wallet};

/// The settings of a new chequebook. More may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewChequebook {
    /// The account that may end the chequebook, and receives the remaining balance. `None` means the account of the
    /// wallet.
    pub owner: Option<Address>,
    /// The minimum time between the announcement of the end and the end, in seconds. Payees may require one.
    pub notice_period: u32,
    /// The first deposit, in the smallest unit of the asset: wei, or that of the token.
    pub deposit: U256,
    /// Direct or clone, which pay ether, or a token, which is its asset.
    pub form: Form,
    /// Distinguishes chequebooks with the same terms. The same terms and the same salt are the same chequebook.
    pub salt: B256,
}

setters!(NewChequebook {
    owner: Option<Address>,
    notice_period: u32,
    deposit: U256,
    form: Form,
    salt: B256,
});

impl Default for NewChequebook {
    /// A direct chequebook of the wallet's account, with the salt zero, without notice period and deposit.
    fn default() -> Self {
        Self { owner: None, notice_period: 0, deposit: U256::ZERO, form: Form::Direct, salt: B256::ZERO }
    }
}

impl NewChequebook {
    pub(super) fn creation(&self, wallet: &Wallet, signer: &SharedSigner) -> Creation {
        let owner = self.owner.unwrap_or(wallet.account());
        let terms = Terms { form: self.form, owner, signer: signer.address(), notice_period: self.notice_period };
        Creation { terms, salt: self.salt }
    }
}
