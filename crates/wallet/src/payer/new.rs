//! The settings of a new chequebook.

use alloy::primitives::{Address, B256, U256};
use chequebook::Terms;

use crate::{setters::setters, signer::SharedSigner, wallet::Wallet};

/// The settings of a new chequebook. More may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewChequebook {
    /// The account that may end the chequebook, and receives the remaining balance. `None` means the account of the
    /// wallet.
    pub owner: Option<Address>,
    /// The minimum time between the announcement of the end and the end, in seconds. Payees may require one.
    pub notice_period: u32,
    /// The first deposit, in wei.
    pub deposit: U256,
    /// How it is created.
    pub form: Form,
}

setters!(NewChequebook {
    owner: Option<Address>,
    notice_period: u32,
    deposit: U256,
    form: Form,
});

/// The two forms of a chequebook. Both follow the same rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Deployed directly: the cheapest to cash from.
    #[default]
    Direct,
    /// A clone that the factory creates: the cheapest to create. Its address proves its terms.
    Clone {
        /// Distinguishes chequebooks with the same terms.
        salt: B256,
    },
}

impl NewChequebook {
    pub(super) fn terms(&self, wallet: &Wallet, signer: &SharedSigner) -> Terms {
        let owner = self.owner.unwrap_or(wallet.account());
        Terms { owner, signer: signer.address(), notice_period: self.notice_period }
    }
}
